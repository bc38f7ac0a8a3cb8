"""Objects: a store of whole objects by key, on a disk or in a bucket, that machines share.

A leaf `modelworks/adapters/stores/<scheme>.py` sets `STORE`, called with a URI whose scheme names the leaf
(`s3://bucket/prefix`). Credentials come from the system's own environment variables and files, never from the URI;
what else a system needs stands in the query (`?endpoint=http://127.0.0.1:9000`).

Readers see an object whole or not at all. Failures are StoreErrors that name the URI; what may go through when tried
again (a dropped connection, a busy server) a leaf tries again itself, with growing pauses, a few times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from modelworks.contracts.check import Finding
from modelworks.core import registry

PACKAGE = "modelworks.adapters.stores"


class Found(Struct, frozen=True):
    """An object of a listing."""

    key: str
    size: int
    changed: float
    """When it was stored: seconds since 1970, by the store's clock."""


class Objects(Protocol):
    """One place of an object store. Keys are relative paths with `/`, of letters, digits and `._-`."""

    def put(self, key: str, source: Path) -> None:
        """Store a file under a key; an interrupted upload goes on where it can. The same key always means the same
        bytes here, so a key that exists may be left as it is, and two writers at once do no harm."""

    def get(self, key: str, target: Path) -> None:
        """Fetch an object into a file. Bytes that `target` already holds from an interrupted fetch are kept, and
        the rest is appended; StoreError when there is no such object."""

    def size(self, key: str) -> int | None:
        """Bytes of an object, or None when there is none."""

    def find(self, prefix: str) -> Iterator[Found]:
        """Objects whose keys begin with `prefix`."""

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""

    def check(self) -> Finding:
        """Whether the place can be read and written."""


Opener = Callable[[str], Objects]
"""STORE: the place a URI names; nothing is asked of the system yet."""


def open_objects(uri: str) -> Objects:
    """The place a URI names; a ConfigError with the nearest scheme when there is no such leaf."""
    opener: Opener = registry.leaf(PACKAGE, urlsplit(uri).scheme or "file", "STORE")
    return opener(uri)
