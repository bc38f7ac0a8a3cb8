"""`modelworks.lock`: which bundle each channel points at. It lives in Git, so that a checkout names its champion.

It is small JSON, written atomically, and read by the server without any registry. History stays in it, newest last:
rollback needs nothing else.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from modelworks.core import files
from modelworks.core.errors import ConfigError

FILE = "modelworks.lock"


class Pin(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One released bundle."""

    bundle: str
    """Bundle id (64 hexadecimal digits)."""
    version: int
    """Number of the release, from 1, never reused."""
    baseline: str | None = None
    """Bundle id of the champion that the gate compared it with."""
    scores: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    """Metric -> (low, high) of its score in the release's report."""
    dataset: str = ""
    registry: str = ""
    """Name of the version in the registry, as `mlflow:incidents/3`."""
    released: str = ""
    """UTC time, ISO 8601."""


class Lock(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Channels (`champion`, `challenger`, `shadow`) -> release version, and all releases, oldest first."""

    format: int = 1
    channels: dict[str, int] = {}
    history: dict[str, tuple[int, ...]] = {}
    """Channel -> versions it pointed at before, oldest first."""
    releases: tuple[Pin, ...] = ()

    def pin(self, channel: str = "champion") -> Pin | None:
        """The release a channel points at, or None."""
        version = self.channels.get(channel)
        return next((pin for pin in self.releases if pin.version == version), None)


def read(project: Path) -> Lock:
    """The lock of a project; an empty one when there is no file."""
    path = project / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Lock)
    except FileNotFoundError:
        return Lock()
    except msgspec.MsgspecError as error:
        raise ConfigError(
            f"{FILE} is damaged: {error}", where=str(path), hint="git checkout modelworks.lock"
        ) from error


def write(project: Path, lock: Lock) -> None:
    """Replace the lock, atomically."""
    text = msgspec.json.format(msgspec.json.encode(lock, order="sorted"), indent=2)
    files.write_bytes(project / FILE, text + b"\n")
