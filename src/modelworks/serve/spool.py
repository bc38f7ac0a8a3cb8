"""Reading the record files behind their writers, for one sink: what was read is remembered on disk.

`.modelworks/records/.sinks/<sink>.json` holds, a file, the offset up to which the sink has everything. It is written
after the sink has answered: what was sent and not yet noted is sent again, and the sink knows it by its id.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from modelworks.contracts.sink import Document
from modelworks.core import files

FILES = "records-*.jsonl"
SETTLED = 10.0
"""Seconds after which a line without an end, in a file that is no longer the newest, will not be finished: its writer
was killed in the middle."""


LONGEST_ID = 512


class State(Struct, forbid_unknown_fields=True):
    """How far one sink has come."""

    offsets: dict[str, int] = {}


class Line(NamedTuple):
    """A line of a record file. `document` is None where it holds no record."""

    file: str
    end: int
    """Offset behind it."""
    raw: bytes
    document: Document | None


class _Event(Struct):
    id: str = ""


class _Record(Struct):
    event: _Event = msgspec.field(default_factory=_Event)


def state_of(folder: Path, sink: str) -> State:
    """A sink's state; a new one where there is none or it is damaged (then everything is sent again)."""
    try:
        return msgspec.json.decode(_path(folder, sink).read_bytes(), type=State)
    except (OSError, msgspec.MsgspecError):
        return State()


def unread(folder: Path, sinks: tuple[str, ...]) -> set[str]:
    """Names of record files that one of the sinks does not have whole."""
    states = [state_of(folder, sink).offsets for sink in sinks]
    sizes = {path.name: size for path, size in _sized(folder)}
    return {name for name, size in sizes.items() if any(offsets.get(name, 0) < size for offsets in states)}


class Spool:
    """The record files of a folder, as one sink reads them. Hold `files.locked(spool.lock)` while reading."""

    def __init__(self, folder: Path, sink: str) -> None:
        self.folder, self._sink = folder, sink
        self.lock = _path(folder, sink).with_suffix(".lock")
        self.offsets = state_of(folder, sink).offsets
        self._sizes: dict[str, int] = {}
        self.lost = 0
        """Bytes that were removed before the sink had them."""

    def look(self) -> int:
        """Bytes that wait; files that are gone are forgotten."""
        found = {path.name: size for path, size in _sized(self.folder)}
        for name in self._sizes.keys() - found.keys():
            self.lost += self._sizes[name] - self.offsets.get(name, 0)
        self.offsets = {name: offset for name, offset in self.offsets.items() if name in found}
        self._sizes = found
        return sum(size - self.offsets.get(name, 0) for name, size in found.items())

    def read(self, most: int, most_bytes: int) -> list[Line]:
        """The next whole lines, oldest file first: at most `most`, and no more once they hold `most_bytes`."""
        lines: list[Line] = []
        size = 0
        for name in sorted(self._sizes):
            if self.offsets.get(name, 0) >= self._sizes[name]:
                continue
            for line in self._lines(name):
                lines.append(line)
                size += len(line.raw)
                if len(lines) >= most or size >= most_bytes:
                    return lines
        return lines

    def _lines(self, name: str) -> Iterator[Line]:
        try:
            stream = (self.folder / name).open("rb")
        except FileNotFoundError:  # removed a moment ago: the next look counts it
            return
        with stream:
            end = self.offsets.get(name, 0)
            stream.seek(end)
            for raw in stream:
                if not raw.endswith(b"\n") and not self._settled(name):
                    return
                start, end = end, end + len(raw)
                yield Line(name, end, raw.rstrip(b"\n"), _document(name, start, raw))

    def _settled(self, name: str) -> bool:
        age = time.time() - (self.folder / name).stat().st_mtime
        return name != max(self._sizes) and age > SETTLED

    def done(self, lines: list[Line]) -> None:
        """Remember that the sink has these lines, and all before them."""
        self.offsets |= {line.file: line.end for line in lines}
        files.write_bytes(_path(self.folder, self._sink), msgspec.json.encode(State(self.offsets)))


def _document(name: str, start: int, raw: bytes) -> Document | None:
    try:
        record = msgspec.json.decode(raw, type=_Record)
    except (msgspec.MsgspecError, RecursionError):
        return None
    identity = record.event.id
    if not 0 < len(identity.encode()) <= LONGEST_ID:  # another program wrote it: its place makes one
        identity = hashlib.sha256(f"{name}:{start}".encode()).hexdigest()[:32]
    return Document(identity, raw.rstrip(b"\n"))


def _sized(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in folder.glob(FILES):
        try:
            yield path, path.stat().st_size
        except FileNotFoundError:
            continue


def _path(folder: Path, sink: str) -> Path:
    return folder / ".sinks" / f"{sink}.json"
