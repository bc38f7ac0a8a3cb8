"""Artifacts in an object store that machines share.

A folder is stored as its files' bytes, each once under its own SHA-256 (`blobs/ab/abcd…`), and an index that lists
them, written last (`index/<step>/<key>.json`). So nothing half-written can be read, an interrupted upload skips what
is there, two writers of the same key write the same bytes, and every byte is verified when it comes back.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from modelworks.contracts.objects import Found, Objects
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


class Garbage(Struct, frozen=True):
    """What nothing refers to: artifacts (step, key), and the bytes that no artifact is left for."""

    artifacts: list[tuple[str, str]]
    blobs: list[Found]

    @property
    def bytes(self) -> int:
        return sum(blob.size for blob in self.blobs)


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
        there = []
        for name, entry in found.items():
            if not self._send(entry, folder / name):
                there.append(name)
            self._progress.advance(entry.size)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "index.json"
            path.write_bytes(msgspec.json.encode(Index(found), order="deterministic"))
            self._objects.put(_index(step, key), path)
        for name in there:  # `discard` may have removed what no index named yet
            self._send(found[name], folder / name)

    def _send(self, entry: Entry, file: Path) -> bool:
        """Store a file's bytes; False when they were there."""
        if self._objects.size(_blob(entry)) == entry.size:
            return False
        self._objects.put(_blob(entry), file)
        return True

    def forget(self, step: str, key: str) -> None:
        """Remove an artifact's index; its bytes stay, since others may hold the same."""
        self._objects.delete(_index(step, key))

    def garbage(self, kept: Callable[[str, str], bool], before: float) -> Garbage:
        """Artifacts (step, key) stored before a time (seconds since 1970) that are not to be kept, and the bytes stored
        before it that no other artifact names."""
        known = {one.key: one for one in self._objects.find("index/")}
        gone = [key for key, one in known.items() if one.changed < before and not kept(*_artifact(key))]
        named = self._named(known.keys() - gone)
        blobs = [one for one in self._objects.find("blobs/") if one.changed < before and one.key not in named]
        return Garbage([_artifact(key) for key in gone], blobs)

    def discard(self, garbage: Garbage) -> None:
        """Remove garbage. Indices go first, so that no artifact is there without its bytes; one that was stored
        meanwhile, of bytes that are gone now, goes too, and is stored again by whoever makes it."""
        for step, key in garbage.artifacts:
            self.forget(step, key)
        known = {one.key for one in self._objects.find("index/")}
        named = self._named(known)
        lost = {one.key for one in garbage.blobs} - named
        for key in sorted(lost):
            self._objects.delete(key)
        for key in {one.key for one in self._objects.find("index/")} - known:
            if any(self._objects.size(blob) is None for blob in self._named([key]) & lost):
                self._objects.delete(key)

    def _named(self, indices: Iterable[str]) -> set[str]:
        """Keys of the bytes that indices name."""
        with tempfile.TemporaryDirectory() as scratch:
            found = [self._read(*_artifact(key), Path(scratch)) for key in indices]
        return {_blob(entry) for index in found for entry in index.files.values()}

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


def _artifact(index: str) -> tuple[str, str]:
    """(step, key) of an index."""
    _, step, name = index.split("/")
    return step, name.removesuffix(".json")


def _blob(entry: Entry) -> str:
    return f"blobs/{entry.sha256[:2]}/{entry.sha256}"
