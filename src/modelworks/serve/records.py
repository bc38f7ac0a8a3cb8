"""Records: what was asked and answered, as JSON lines, written aside by one thread from a bounded queue.

A request never waits for the disk: when the queue is full the record is dropped and counted. Field names follow the
Elastic Common Schema where it has one (`@timestamp`, `event.duration` in nanoseconds, `http.request.id`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections import deque
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from modelworks import kinds
from modelworks.kinds import Kind

log = logging.getLogger("modelworks.serve")


class Record(NamedTuple):
    """One answered input."""

    time: float
    """Unix seconds."""
    request: str
    position: int
    """Of the input in its request."""
    bundle: str
    input: Kind
    prediction: Kind
    seconds: float


class Records:
    """Writes to `folder/records-<UTC time>-<pid>.jsonl`, beginning a new file at `file_bytes`; keeps `files`."""

    def __init__(
        self, folder: Path, *, inputs: bool = True, queue: int = 65_536, file_bytes: int = 64 << 20, files: int = 16,
        every: float = 0.25,
    ) -> None:  # fmt: skip
        self._folder, self._inputs, self._limit = folder, inputs, queue
        self._file_bytes, self._files, self._every = file_bytes, files, every
        self._queue: deque[Record] = deque()
        self._stop = threading.Event()
        self._path: Path | None = None
        self.dropped = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._write_all, name="records", daemon=True)
        self._thread.start()

    def add(self, record: Record) -> None:
        """Queue a record, or count it as dropped. Never blocks."""
        if len(self._queue) < self._limit:
            self._queue.append(record)
        else:
            self.dropped += 1

    def close(self) -> None:
        """Write what is queued and end."""
        self._stop.set()
        self._thread.join()

    def _write_all(self) -> None:
        while True:
            last = self._stop.wait(self._every)
            taken = [self._queue.popleft() for _ in range(len(self._queue))]
            try:
                self._write(taken)
            except OSError as error:
                self.dropped += len(taken)
                log.error("records cannot be written: %s", error)
            if last and not self._queue:
                return

    def _write(self, records: list[Record]) -> None:
        if not records:
            return
        path = self._path
        if path is None or (path.exists() and path.stat().st_size >= self._file_bytes):
            path = self._path = self._rotate()
        with path.open("ab") as stream:
            stream.writelines(line(record, self._inputs) for record in records)

    def _rotate(self) -> Path:
        """The next file's path; the oldest files go."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        old = sorted(self._folder.glob("records-*.jsonl"))
        for path in old[: max(0, len(old) - self._files + 1)]:
            path.unlink(missing_ok=True)
        return self._folder / f"records-{stamp}-{os.getpid()}.jsonl"


def line(record: Record, inputs: bool = True) -> bytes:
    """One JSON line. Without `inputs`, and for kinds that hold bytes (pictures) always, the input is its SHA-256 and
    size alone."""
    input_json = kinds.encode(record.input)
    whole = inputs and not _holds_bytes(type(record.input))
    facts = {
        "@timestamp": datetime.fromtimestamp(record.time, UTC).isoformat(timespec="microseconds"),
        "http.request.id": record.request,
        "position": record.position,
        "bundle": record.bundle,
        "kind": record.input.name,
        "input": msgspec.Raw(input_json) if whole else None,
        "input.sha256": hashlib.sha256(input_json).hexdigest(),
        "input.size": record.input.size(),
        "prediction": msgspec.Raw(kinds.encode(record.prediction)),
        "event.duration": int(record.seconds * 1e9),
    }
    return msgspec.json.encode(facts) + b"\n"


@cache
def _holds_bytes(kind: type[Kind]) -> bool:
    return any(field.type is bytes for field in msgspec.structs.fields(kind))
