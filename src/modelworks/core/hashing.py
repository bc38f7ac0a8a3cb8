"""Identity: tagged canonical hashes (SHA-256).

A hash names what it is a hash of (the tag), so that values of two kinds can never collide, and is taken over
canonical JSON (sorted keys, no spaces, no NaN). Golden strings in the tests pin the format for ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelworks.core.errors import StoreError


def canonical(value: Any) -> bytes:
    """Canonical JSON of plain data (dict with str keys, list, tuple, str, int, float, bool, None)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def digest(tag: str, value: Any) -> str:
    """64 hexadecimal digits that identify plain data `value` as a thing of kind `tag`."""
    return hashlib.sha256(b"modelworks:" + tag.encode() + b":v1\0" + canonical(value)).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"cannot read {path.name}: {error.strerror}", where=str(path)) from error


def source_digest(paths: Iterable[Path]) -> str:
    """One hash over Python sources (files, or folders searched deeply): the version of the code in them."""
    files: list[tuple[str, str]] = []
    for root in paths:
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            relative = path.relative_to(root.parent).as_posix()
            files.append((relative, hashlib.sha256(path.read_bytes()).hexdigest()))
    return digest("source", files)
