"""What the registry is still to be told. Entries are files; a process of its own delivers them, later runs retry.

So an unreachable or slow tracking server costs a run nothing, and nothing is lost with it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.contracts.registry import Data, Refused, Registry, RegistryError, Run
from modelworks.core import files, lock, paths, registry
from modelworks.core.config import Release
from modelworks.core.errors import ModelworksError


class Entry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One delivery: a run's record and, when it was released, its bundle and channel; or a channel that moved."""

    key: str
    """Key of the verdict, or the channel: delivering an entry twice changes nothing."""
    registry: str
    uri: str
    project: str
    params: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    curves: dict[str, list[tuple[int, float]]] = {}
    tags: dict[str, str] = {}
    description: str = ""
    data: Data | None = None
    started: float = 0
    seconds: float = 0
    children: tuple[Run, ...] = ()
    files: tuple[str, ...] = ()
    bundle: str | None = None
    channel: str | None = None
    moved: bool = False
    """Only the channel moved: there is no run to record."""
    error: str = ""
    """Why the last try failed."""
    refused: bool = False
    """The registry said no: not tried again in the background before it took something else."""


def put(project: Path, entry: Entry) -> Path:
    """Queue an entry."""
    path = _folder(project) / f"{entry.key}.json"
    files.write_bytes(path, msgspec.json.encode(entry))
    return path


def put_moved(project: Path, name: str, settings: Release, channel: str) -> Path:
    """Queue that a channel points elsewhere now. Each move is an entry of its own: one made during a delivery is not
    lost with the one that is being delivered."""
    entry = Entry(
        key=f"{channel}-{time.time_ns()}", registry=settings.registry, uri=settings.uri, project=name,
        channel=channel, moved=True,
    )  # fmt: skip
    return put(project, entry)


def pending(project: Path) -> list[Entry]:
    """Entries not yet delivered: runs first, what was refused last among them."""
    found = [msgspec.json.decode(path.read_bytes(), type=Entry) for path in _folder(project).glob("*.json")]
    return sorted(found, key=lambda entry: (entry.moved, entry.refused, entry.key))


def start(project: Path) -> None:
    """Deliver in the background, in a process of its own that outlives this one."""
    with (_folder(project) / "log.txt").open("ab") as log:
        subprocess.run(
            # the shell leaves at once, so the delivery is nobody's child
            ["sh", "-c", '"$@" &', "sh", sys.executable, "-m", "modelworks", "release", "sync", "--quiet", "--due"],
            cwd=project, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, check=True,
        )  # fmt: skip


def sync(project: Path, tell: Callable[[str], None] = lambda text: None, due: bool = False) -> list[Entry]:
    """Deliver all entries now, or those that are due; gives those that could not be delivered. One process at a time.

    A registry that failed once is not asked again for the other entries: each would wait as long."""
    failed: list[Entry] = []
    heard: set[tuple[str, str]] = set()
    silent: dict[tuple[str, str], ModelworksError] = {}
    with files.locked(_folder(project) / "lock"):
        for entry in pending(project):
            place = (entry.registry, entry.uri)
            if due and entry.refused and place not in heard:
                failed.append(entry)
                continue
            try:
                if place in silent:
                    raise RegistryError(silent[place].message, where=silent[place].where)
                tell(f"{entry.registry}: {_deliver(project, entry)}")
            except Exception as error:  # a registry's client raises what it likes
                failed.append(_failed(project, entry, error))
                if isinstance(error, RegistryError):
                    silent[place] = error
            else:
                heard.add(place)
                (_folder(project) / f"{entry.key}.json").unlink()
    return failed


def _failed(project: Path, entry: Entry, error: Exception) -> Entry:
    """The entry, kept with why it failed."""
    words = error.message if isinstance(error, ModelworksError) else f"{type(error).__name__}: {error}"
    if isinstance(error, ModelworksError):
        words = "; ".join(part for part in (words, error.where, error.hint) if part)
    entry = msgspec.structs.replace(entry, error=words, refused=isinstance(error, Refused))
    put(project, entry)
    return entry


def _deliver(project: Path, entry: Entry) -> str:
    sink = sink_of(entry.registry)
    uri = uri_of(project, entry.uri)
    if entry.moved:
        return _move(project, sink, uri, entry)
    tags = {**entry.tags, "key": entry.key, "bundle": entry.bundle or ""}
    run = Run(
        project=entry.project, name=entry.key[:12], params=entry.params, metrics=entry.metrics, curves=entry.curves,
        tags=tags, description=entry.description, data=entry.data, started=entry.started, seconds=entry.seconds,
        files=entry.files, children=entry.children,
    )  # fmt: skip
    run_id = sink.record(uri, run)
    if entry.bundle is None:
        return f"run {run_id}"
    bundle = paths.bundle(project, entry.bundle)
    version = sink.register(uri, run_id, entry.project, bundle, tags, entry.description)
    if entry.channel:
        pin = lock.read(project).pin(entry.channel)
        if pin is None or pin.bundle == entry.bundle:  # else a later release holds it: late news must not undo that
            sink.alias(uri, version, entry.channel)
    return version


def _move(project: Path, sink: Registry, uri: str, entry: Entry) -> str:
    """Point the registry's channel where the lock's points now."""
    channel = str(entry.channel)
    pin = lock.read(project).pin(channel)
    if pin is None:
        return f"{channel} holds no release"
    version = sink.find(uri, entry.project, pin.bundle)
    if version is not None:
        sink.alias(uri, version, channel)
        return f"{channel} is {version}"
    if any(other.bundle == pin.bundle for other in pending(project)):
        raise RegistryError(f"release {pin.version} is not in the registry yet")
    return f"release {pin.version} was never told to this registry, so {channel} cannot point at it there"


def sink_of(name: str) -> Registry:
    """The registry of a name."""
    sink: Registry = registry.leaf("modelworks.adapters.registries", name, "REGISTRY")
    return sink


def uri_of(project: Path, uri: str) -> str:
    """Where the registry is: a file of the project when the settings name nothing."""
    return uri or f"sqlite:///{paths.home(project) / 'mlflow.db'}"


def _folder(project: Path) -> Path:
    folder = paths.home(project) / "outbox"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
