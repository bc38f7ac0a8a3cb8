"""Split names as files and folders have them."""

from __future__ import annotations

NAMES = {
    "train": "train", "training": "train",
    "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "development": "dev",
    "test": "test", "testing": "test", "eval": "test",
}  # fmt: skip


def split_of(name: str) -> str:
    """`train`, `dev`, `test`, or "" when the name says none."""
    return NAMES.get(name.strip().lower(), "")
