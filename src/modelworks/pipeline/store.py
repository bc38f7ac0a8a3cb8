"""The artifact store: `<root>/<step>/<key>/` with the payload and `artifact.json`, appearing whole or not at all.

Work is done in `<root>/tmp/` and renamed. A per-key lock keeps two runs from doing the same work at once; the kernel
drops it when a process dies. What a killed step had in its scratch folder is handed to the next try.
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

from modelworks.core import files
from modelworks.core.errors import StoreError

RECORD = "artifact.json"


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


class Store:
    """Artifacts of one project."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, step: str, key: str) -> Path:
        """Where the artifact is, or would be."""
        return self.root / step / key

    def has(self, step: str, key: str) -> bool:
        """Whether the artifact is complete."""
        return (self.path(step, key) / RECORD).is_file()

    def record(self, step: str, key: str) -> Record:
        """What is known of an artifact."""
        path = self.path(step, key) / RECORD
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

    def remove(self, step: str, key: str) -> None:
        """Forget an artifact: renamed away first, so that no reader sees half of it."""
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
            if (step, key) in keep or step in ("tmp", "scratch", "locks"):
                continue
            with self.claim(step, key):
                gone.append((step, key, sum(f.stat().st_size for f in path.parent.rglob("*") if f.is_file())))
                if not dry_run:
                    self.remove(step, key)
        return gone

    def _reachable(self, live: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        keep: set[tuple[str, str]] = set()
        todo = list(live)
        while todo:
            step, key = todo.pop()
            if (step, key) in keep or not self.has(step, key):
                continue
            keep.add((step, key))
            used = set(self.record(step, key).inputs.values())
            todo += [(p.parent.name, p.name) for k in used for p in self.root.glob(f"*/{k}")]
        return keep
