"""Artifacts in an object store that machines share.

A folder is stored as its files' bytes, each once under its own SHA-256 (`blobs/ab/abcd…`), and an index that lists
them, written last (`index/<step>/<key>.json`). So nothing half-written can be read, an interrupted upload skips what
is there, two writers of the same key write the same bytes, and every byte is verified when it comes back.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct

from modelworks.contracts.objects import Objects
from modelworks.core import files
from modelworks.core.errors import StoreError
from modelworks.core.hashing import file_digest
from modelworks.core.progress import Progress, Silent


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of an artifact."""

    sha256: str
    size: int


class Index(Struct, frozen=True, forbid_unknown_fields=True):
    """What an artifact holds: relative path -> file."""

    files: dict[str, Entry]


class Remote:
    """The artifacts of a place that machines share. Objects raise StoreErrors; so do altered bytes."""

    def __init__(self, objects: Objects, progress: Progress | None = None) -> None:
        self._objects, self._progress = objects, progress or Silent()

    def has(self, step: str, key: str) -> bool:
        """Whether an artifact is there, whole."""
        return self._objects.size(_index(step, key)) is not None

    def push(self, folder: Path, step: str, key: str) -> None:
        """Store a folder as an artifact; what is there already is not sent again."""
        found = {
            path.relative_to(folder).as_posix(): Entry(file_digest(path), path.stat().st_size)
            for path in sorted(folder.rglob("*")) if path.is_file()
        }  # fmt: skip
        self._progress.start(f"store {step}", sum(entry.size for entry in found.values()), "B")
        for name, entry in found.items():
            if self._objects.size(_blob(entry)) != entry.size:
                self._objects.put(_blob(entry), folder / name)
            self._progress.advance(entry.size)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "index.json"
            path.write_bytes(msgspec.json.encode(Index(found), order="deterministic"))
            self._objects.put(_index(step, key), path)

    def forget(self, step: str, key: str) -> None:
        """Remove an artifact's index; its bytes stay, since others may hold the same."""
        self._objects.delete(_index(step, key))

    def pull(self, step: str, key: str, target: Path, scratch: Path) -> None:
        """Fetch an artifact to `target`, which appears whole; `scratch` keeps what an interrupted fetch has."""
        index = self._read(step, key, scratch)
        self._progress.start(f"fetch {step}", sum(entry.size for entry in index.files.values()), "B")
        folder = scratch / "files"
        for name, entry in index.files.items():
            self._fetch(entry, files.contained(folder, name))
            self._progress.advance(entry.size)
        for path in folder.rglob("*"):  # of an index that another try read
            if path.is_file() and path.relative_to(folder).as_posix() not in index.files:
                path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        files.commit_folder(folder, target)
        shutil.rmtree(scratch, ignore_errors=True)

    def _read(self, step: str, key: str, scratch: Path) -> Index:
        path = scratch / "index.json"
        with files.telling(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        self._objects.get(_index(step, key), path)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Index)
        except msgspec.MsgspecError as error:
            raise StoreError(f"the index of an artifact is damaged: {error}", where=_index(step, key)) from error

    def _fetch(self, entry: Entry, path: Path) -> None:
        """The bytes of a file, verified; what a broken try left is used when it proves right."""
        with files.telling(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > entry.size:
            path.unlink()
        for _ in range(2):  # bytes that a killed try left may be wrong: then once from the start
            if not path.exists() or path.stat().st_size < entry.size or entry.size == 0:
                self._objects.get(_blob(entry), path)
            if path.stat().st_size == entry.size and file_digest(path) == entry.sha256:
                return
            path.unlink()
        raise StoreError(
            "bytes came back that are not those that were stored", where=_blob(entry), seen=path.name,
            hint="remove that object, and run again where the artifact was made",
        )  # fmt: skip


def _index(step: str, key: str) -> str:
    return f"index/{step}/{key}.json"


def _blob(entry: Entry) -> str:
    return f"blobs/{entry.sha256[:2]}/{entry.sha256}"
