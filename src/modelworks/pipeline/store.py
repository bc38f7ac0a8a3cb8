"""The artifact store: `<root>/<step>/<key>/` with the payload and `artifact.json`, appearing whole or not at all.

Work is done in `<root>/tmp/` and renamed. A per-key lock keeps two runs from doing the same work at once; the kernel
drops it when a process dies. What a killed step had in its scratch folder is handed to the next try.

With a `remote`, other machines' artifacts count as here and are fetched when they are read; what was made here is
shared after it was committed here, so that a remote that fails costs no work.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.contracts.objects import open_objects
from modelworks.core import files, paths
from modelworks.core.errors import ConfigError, StoreError
from modelworks.core.hashing import digest
from modelworks.core.progress import Progress
from modelworks.pipeline.remote import Garbage, Remote

RECORD = "artifact.json"
RELEASES = "bundles"
"""In place of a step's name: released bundles, by their ids."""


class Record(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`artifact.json`: what the artifact is and what it was made from."""

    step: str
    key: str
    kind: str
    ingredients: dict[str, Any]
    inputs: dict[str, str] = {}
    """Input name -> key of the artifact it was (absent for outside inputs)."""
    facts: dict[str, Any] = {}
    seconds: float = 0.0
    made: str = ""
    """UTC time, ISO 8601; not part of any identity."""


def open_store(project: Path, uri: str = "", progress: Progress | None = None) -> Store:
    """The store of a project; `uri` names the place that machines share, if there is one."""
    remote = Remote(open_objects(uri), progress) if uri else None
    return Store(paths.store(project), remote, digest("remote", uri)[:12])


class Store:
    """Artifacts of one project."""

    def __init__(self, root: Path, remote: Remote | None = None, mark: str = "") -> None:
        self.root, self.remote = root, remote
        self._shared = root / "shared" / mark

    def path(self, step: str, key: str) -> Path:
        """Where the artifact is on this machine, or would be."""
        return self.root / step / key

    def here(self, step: str, key: str) -> bool:
        """Whether the artifact is complete on this machine."""
        return (self.path(step, key) / RECORD).is_file()

    def has(self, step: str, key: str) -> bool:
        """Whether the artifact is complete, here (and shared, where it is to be shared) or on the remote."""
        if self.here(step, key):
            return self.remote is None or self._mark(step, key).exists()
        return self.remote is not None and self.remote.has(step, key)

    def share(self, step: str, key: str, folder: Path | None = None) -> None:
        """Put an artifact of this machine, or another folder that never changes, where other machines find it; nothing
        to do without a remote."""
        if self.remote is not None and not self._mark(step, key).exists():
            self.remote.push(folder or self.path(step, key), step, key)
            files.write_bytes(self._mark(step, key), b"")

    def fetch(self, step: str, key: str, folder: Path | None = None) -> Path:
        """The folder of what `share` was given, fetched now if only the remote has it."""
        place = folder or self.path(step, key)
        if self.remote is not None and not place.is_dir():
            with files.locked(self.root / "locks" / f"fetch-{step}-{key}"):
                if not place.is_dir() and self.remote.has(step, key):
                    self.remote.pull(step, key, place, self.root / "tmp" / f"fetch-{step}-{key}")
                    files.write_bytes(self._mark(step, key), b"")
        return place

    def _mark(self, step: str, key: str) -> Path:
        return self._shared / f"{step}-{key}"

    def record(self, step: str, key: str) -> Record:
        """What is known of an artifact."""
        path = self.fetch(step, key) / RECORD
        try:
            return msgspec.json.decode(path.read_bytes(), type=Record)
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(
                f"artifact cannot be read: {error}", where=str(path), hint="modelworks run --force"
            ) from error

    def records(self, step: str) -> list[Record]:
        """All artifacts of a step, oldest first."""
        found = [self.record(step, path.parent.name) for path in (self.root / step).glob(f"*/{RECORD}")]
        return sorted(found, key=lambda record: record.made)

    @contextlib.contextmanager
    def claim(self, step: str, key: str) -> Iterator[None]:
        """Hold the right to make an artifact; waits while another process makes the same one."""
        with files.locked(self.root / "locks" / f"{step}-{key}"):
            yield

    def scratch(self, step: str, key: str) -> Path:
        """A folder that outlives a killed try of this key."""
        path = self.root / "scratch" / f"{step}-{key}"
        with files.telling(path):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def workspace(self, step: str, key: str) -> Path:
        """A fresh empty folder to fill; leftovers of killed tries are removed."""
        path = self.root / "tmp" / f"{step}-{key}"
        with files.telling(path):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        return path

    def commit(self, workspace: Path, record: Record) -> Path:
        """Make a filled workspace the artifact of its key."""
        files.write_bytes(workspace / RECORD, msgspec.json.format(msgspec.json.encode(record), indent=1))
        final = self.path(record.step, record.key)
        files.commit_folder(workspace, final)
        shutil.rmtree(self.root / "scratch" / f"{record.step}-{record.key}", ignore_errors=True)
        return final

    def forget(self, step: str, key: str) -> None:
        """Remove an artifact here and on the remote, so that it is made again."""
        if self.remote is not None:
            self.remote.forget(step, key)
        self.remove(step, key)

    def remove(self, step: str, key: str) -> None:
        """Remove an artifact from this machine: renamed away first, so that no reader sees half of it."""
        self._mark(step, key).unlink(missing_ok=True)
        path = self.path(step, key)
        if path.exists():
            grave = self.root / "tmp" / f"gone-{step}-{key}-{os.getpid()}-{time.monotonic_ns()}"
            with files.telling(path):
                grave.parent.mkdir(parents=True, exist_ok=True)
                os.rename(path, grave)
            shutil.rmtree(grave, ignore_errors=True)

    def collect(self, live: Iterable[tuple[str, str]], *, dry_run: bool = False) -> list[tuple[str, str, int]]:
        """Remove (or only find) artifacts that are neither live nor an input of a live one; (step, key, bytes) each."""
        keep = self._reachable(live)
        gone = []
        for path in sorted(self.root.glob(f"*/*/{RECORD}")):
            step, key = path.parent.parent.name, path.parent.name
            if (step, key) in keep or step in ("tmp", "scratch", "locks", "shared"):
                continue
            with self.claim(step, key):
                gone.append((step, key, sum(f.stat().st_size for f in path.parent.rglob("*") if f.is_file())))
                if not dry_run:
                    self.remove(step, key)
        return gone

    def shared_garbage(self, live: Iterable[tuple[str, str]], days: float) -> Garbage:
        """What the remote holds for more than `days` that is neither live, nor an input of a live one, nor released."""
        if self.remote is None:
            raise ConfigError("artifacts are shared with nobody here", where="store", hint="docs/systems/stores.md")
        keep, before = self._reachable(live), time.time() - days * 86400
        return self.remote.garbage(lambda step, key: step == RELEASES or (step, key) in keep, before)

    def discard(self, garbage: Garbage) -> None:
        """Remove what `shared_garbage` found from the remote."""
        assert self.remote is not None
        self.remote.discard(garbage)
        for step, key in garbage.artifacts:
            self._mark(step, key).unlink(missing_ok=True)

    def _reachable(self, live: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        keep: set[tuple[str, str]] = set()
        todo = list(live)
        while todo:
            step, key = todo.pop()
            if (step, key) in keep:
                continue
            keep.add((step, key))
            if not self.here(step, key):
                continue
            used = set(self.record(step, key).inputs.values())
            todo += [(p.parent.name, p.name) for k in used for p in self.root.glob(f"*/{k}")]
        return keep
