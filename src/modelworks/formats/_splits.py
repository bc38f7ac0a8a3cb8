"""Split names as columns, files and folders have them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

NAMES = {
    "train": "train", "training": "train",
    "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "development": "dev",
    "test": "test", "testing": "test",
}  # fmt: skip


def split_of(name: str) -> str:
    """`train`, `dev`, `test`, or "" when the name says none."""
    return NAMES.get(name.strip().lower(), "")


def file_split(relative: str) -> str:
    """The split that a file's name (`emerging.dev.conll`, `test-00000-of-00001.parquet`) or else its folder says."""
    path = PurePosixPath(relative)
    for name in (path.stem, *reversed(path.parts[:-1])):
        found = {split_of(word) for word in re.split(r"[^a-z]+", name.lower())} - {""}
        if len(found) == 1:
            return found.pop()
    return ""
