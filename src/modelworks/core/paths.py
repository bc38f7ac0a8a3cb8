"""Where a project keeps its things: all under `.modelworks/`, which Git ignores, but for `modelworks.lock`."""

from __future__ import annotations

from pathlib import Path


def home(project: Path) -> Path:
    """The project's working folder."""
    return project / ".modelworks"


def store(project: Path) -> Path:
    """Content-addressed artifacts."""
    return home(project) / "store"


def cache(project: Path) -> Path:
    """Things that can be made again (file digests, features)."""
    return home(project) / "cache"


def bundle(project: Path, bundle_id: str) -> Path:
    """A released bundle, kept whatever garbage collection removes."""
    return home(project) / "bundles" / bundle_id


def records(project: Path) -> Path:
    """What the server was asked and what it answered."""
    return home(project) / "records"
