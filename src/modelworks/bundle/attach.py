"""Attachments: what a bundle uses and does not hold. A resource of type `collection` is a few sample documents, which
the self-test searches; who opens the bundle attaches a collection in their place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.bundle import collection, encoder
from modelworks.bundle.manifest import Manifest
from modelworks.core.errors import BundleError, ConfigError

TYPE = "collection"


def places(manifest: Manifest) -> list[str]:
    """Names of the resources that are attached from outside."""
    return [resource.name for resource in manifest.resources if resource.type == TYPE]


def opened(manifest: Manifest, given: Mapping[str, Path | str]) -> dict[str, Any]:
    """The attached collections by resource. A ConfigError for a name that the bundle has no place for, a BundleError
    for a collection whose vectors something else made."""
    known = places(manifest)
    found = {}
    for name, path in given.items():
        if name not in known:
            raise ConfigError("the bundle has no place for this attachment", where="attach", seen=name, allowed=known)
        one = collection.opened(Path(path))
        if one.encoder != (needed := encoder.identity(manifest, manifest.files)):
            raise BundleError(
                "the collection was made with another encoder", where=str(path), seen=one.encoder[:12],
                allowed=needed[:12], hint="index its documents again: modelworks index BUNDLE FILES… -o FOLDER",
            )  # fmt: skip
        found[name] = one
    return found


def missing(manifest: Manifest, given: Mapping[str, Path | str]) -> ConfigError | None:
    """What to say to who asks a bundle whose collection is not attached."""
    absent = [name for name in places(manifest) if name not in given]
    if not absent:
        return None
    return ConfigError(
        f"this bundle searches a collection, and none is attached as {absent[0]!r}", where=manifest.name, seen="none",
        allowed=f"--attach {absent[0]}=FOLDER", hint="make one: modelworks index BUNDLE FILES… -o FOLDER",
    )  # fmt: skip
