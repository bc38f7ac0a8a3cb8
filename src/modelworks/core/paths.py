"""Where a project keeps its things: all under `.modelworks/`, which Git ignores, but for `modelworks.lock`; and where
the user's cache is."""

from __future__ import annotations

import os
import sys
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


def user_cache() -> Path:
    """The user's cache, by the platform's convention, or where MODELWORKS_CACHE says: things that can be made again,
    shared by all projects."""
    if given := os.environ.get("MODELWORKS_CACHE"):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "modelworks"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "modelworks" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelworks"
