"""What the registry is still to be told. Entries are files; a process of its own delivers them, later runs retry.

So an unreachable or slow tracking server costs a run nothing, and nothing is lost with it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.contracts.registry import Registry, Run
from modelworks.core import files, paths, registry
from modelworks.core.errors import ModelworksError


class Entry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One delivery: a run's record and, when it was released, its bundle and channel."""

    key: str
    """Key of the verdict: delivering an entry twice changes nothing."""
    registry: str
    uri: str
    project: str
    params: dict[str, Any]
    metrics: dict[str, float]
    curves: dict[str, list[tuple[int, float]]]
    tags: dict[str, str]
    files: tuple[str, ...] = ()
    bundle: str | None = None
    channel: str | None = None
    error: str = ""
    """Why the last try failed."""


def put(project: Path, entry: Entry) -> Path:
    """Queue an entry."""
    path = _folder(project) / f"{entry.key}.json"
    files.write_bytes(path, msgspec.json.encode(entry))
    return path


def pending(project: Path) -> list[Entry]:
    """Entries not yet delivered."""
    return [msgspec.json.decode(path.read_bytes(), type=Entry) for path in sorted(_folder(project).glob("*.json"))]


def start(project: Path) -> None:
    """Deliver in the background, in a process of its own that outlives this one."""
    with (_folder(project) / "log.txt").open("ab") as log:
        subprocess.run(
            # the shell leaves at once, so the delivery is nobody's child
            ["sh", "-c", '"$@" &', "sh", sys.executable, "-m", "modelworks", "release", "sync", "--quiet"],
            cwd=project, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, check=True,
        )  # fmt: skip


def sync(project: Path, tell: Callable[[str], None] = lambda text: None) -> list[Entry]:
    """Deliver all entries now; gives those that could not be delivered. One process at a time."""
    failed = []
    with files.locked(_folder(project) / "lock"):
        for path in sorted(_folder(project).glob("*.json")):
            entry = msgspec.json.decode(path.read_bytes(), type=Entry)
            try:
                tell(f"{entry.registry}: {_deliver(project, entry)}")
            except ModelworksError as error:
                entry = msgspec.structs.replace(entry, error=error.message)
            except Exception as error:  # a registry's client raises what it likes
                entry = msgspec.structs.replace(entry, error=f"{type(error).__name__}: {error}")
            else:
                path.unlink()
                continue
            put(project, entry)
            failed.append(entry)
    return failed


def _deliver(project: Path, entry: Entry) -> str:
    sink: Registry = registry.leaf("modelworks.adapters.registries", entry.registry, "REGISTRY")
    uri = entry.uri or f"sqlite:///{paths.home(project) / 'mlflow.db'}"
    run_id = sink.record(
        uri,
        Run(
            project=entry.project, name=entry.key[:12], params=entry.params, metrics=entry.metrics,
            curves=entry.curves, tags={**entry.tags, "key": entry.key},
            files=tuple(path for path in map(Path, entry.files) if path.exists()),
        ),
    )  # fmt: skip
    if entry.bundle is None:
        return f"run {run_id}"
    tags = {**entry.tags, "key": entry.key, "bundle": entry.bundle}
    version = sink.register(uri, run_id, entry.project, paths.bundle(project, entry.bundle), tags)
    if entry.channel:
        sink.alias(uri, version, entry.channel)
    return version


def _folder(project: Path) -> Path:
    folder = paths.home(project) / "outbox"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
