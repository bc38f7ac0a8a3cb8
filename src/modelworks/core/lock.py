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
FORMAT = 2
"""1: without `Pin.weights` and `Pin.pretrained`. Older formats are read; a newer one is refused, not guessed at."""


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
    """Id of the dataset (its content's digest)."""
    weights: str = ""
    """SHA-256 of the trained weights that the bundle was exported from."""
    pretrained: dict[str, str] = {}
    """File -> SHA-256 of the weights that training began with; empty when it began with none."""
    registry: str = ""
    """Name of the version in the registry, as `mlflow:incidents/3`."""
    released: str = ""
    """UTC time, ISO 8601."""


class Lock(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Channels (`champion`, `challenger`, `shadow`) -> release version, and all releases, oldest first."""

    format: int = FORMAT
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
        return decode(path.read_bytes(), str(path))
    except FileNotFoundError:
        return Lock()


def decode(data: bytes, where: str = FILE) -> Lock:
    """The lock that a file's bytes hold, in the present format."""
    try:
        written = msgspec.json.decode(data, type=_Format).format
        if written > FORMAT:
            raise ConfigError(
                f"{FILE} was written by a newer modelworks", where=where, seen=f"format {written}",
                allowed=f"formats up to {FORMAT}", hint="pip install --upgrade modelworks",
            )  # fmt: skip
        return msgspec.structs.replace(msgspec.json.decode(data, type=Lock), format=FORMAT)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{FILE} is damaged: {error}", where=where, hint="git checkout modelworks.lock") from error


class _Format(Struct):
    format: int = 1


def write(project: Path, lock: Lock) -> None:
    """Replace the lock, atomically."""
    files.write_bytes(project / FILE, encode(lock))


def encode(lock: Lock) -> bytes:
    """The bytes of the file: the same lock gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(lock, order="sorted"), indent=2) + b"\n"
