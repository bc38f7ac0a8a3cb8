"""Versioned labelled data: a Lance table in an immutable artifact folder, and what tells two versions apart.

Importing this package is cheap, since the planner does it at every command: its names are imported when they are first
used, Lance and pyarrow at the first read or write.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelworks.dataset.dataset import Dataset, create
    from modelworks.dataset.difference import Difference, diff
    from modelworks.dataset.history import Version, versions

__all__ = ["Dataset", "Difference", "Version", "create", "diff", "versions"]

_HOMES = {
    "Dataset": "dataset", "create": "dataset", "Difference": "difference", "diff": "difference",
    "Version": "history", "versions": "history",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
