"""Records: what was asked and answered, as JSON lines, written aside by one thread from a bounded queue.

A request never waits for the disk: when the queue is full the record is dropped and counted. Fields are those of the
Elastic Common Schema, and what it has no field for is under `modelworks`; `event.id` is unique, so that whoever stores
records can tell one that comes twice.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from modelworks import kinds
from modelworks.bundle.profile import scores_of
from modelworks.kinds import Kind

log = logging.getLogger("modelworks.serve")
ECS = "9.4.0"
"""Version of the Elastic Common Schema."""
DATASET = "modelworks.records"
HELD = 4
"""Times the usual number of files that are kept while a sink has not read them."""


class Record(NamedTuple):
    """One answered input."""

    time: float
    """Unix seconds."""
    request: str
    position: int
    """Of the input in its request."""
    bundle: str
    model: str
    version: str
    """Of the release."""
    input: Kind
    prediction: Kind
    seconds: float


class Records:
    """Writes to `folder/records-<UTC time>-<pid>.jsonl`, beginning a new file at `file_bytes`; keeps `files`, and the
    files that `unread` names, but of those no more than HELD times as many."""

    def __init__(
        self, folder: Path, *, inputs: bool = True, queue: int = 65_536, file_bytes: int = 64 << 20, files: int = 16,
        every: float = 0.25, unread: Callable[[], Iterable[str]] = tuple,
    ) -> None:  # fmt: skip
        self._folder, self._inputs, self._limit = folder, inputs, queue
        self._file_bytes, self._files, self._every, self._unread = file_bytes, files, every, unread
        self._mark, self._numbers = os.urandom(8).hex(), itertools.count()
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
            for record in records:
                stream.write(line(record, f"{self._mark}-{next(self._numbers):x}", self._inputs))

    def _rotate(self) -> Path:
        """The next file's path; the oldest files go."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        old = sorted(self._folder.glob("records-*.jsonl"))
        more, far = len(old) + 1 - self._files, len(old) + 1 - HELD * self._files
        unread = set(self._unread()) if more > 0 else set()
        for number, path in enumerate(old[: max(0, more)]):
            if path.name not in unread or number < far:
                path.unlink(missing_ok=True)
        return self._folder / f"records-{stamp}-{os.getpid()}.jsonl"


def line(record: Record, id: str, inputs: bool = True) -> bytes:
    """One JSON line. Without `inputs`, and for kinds that hold bytes (pictures) always, the input is its SHA-256 and
    size alone."""
    input_json = kinds.encode(record.input)
    given: dict[str, Any] = {
        "kind": record.input.name,
        "sha256": hashlib.sha256(input_json).hexdigest(),
        "size": record.input.size(),
    }
    if inputs and not _holds_bytes(type(record.input)):
        given["value"] = msgspec.Raw(input_json)
    facts = {
        "@timestamp": datetime.fromtimestamp(record.time, UTC).isoformat(timespec="microseconds"),
        "ecs": {"version": ECS},
        "event": {
            "id": id, "kind": "event", "category": ["web"], "type": ["access"], "action": "predict",
            "module": "modelworks", "dataset": DATASET, "outcome": "success", "duration": int(record.seconds * 1e9),
        },
        "http": {"request": {"id": record.request}},
        "host": {"name": _host()},
        "process": {"pid": os.getpid()},
        "service": {"type": "modelworks", "name": record.model, "version": record.version},
        "modelworks": {
            "bundle": record.bundle, "position": record.position, "input": given,
            "prediction": _said(record.prediction),
        },
    }  # fmt: skip
    return msgspec.json.encode(facts) + b"\n"


def _said(prediction: Kind) -> dict[str, Any]:
    """A prediction whole, its labels (each once), and the mean of its scores; what it has not is left out."""
    scores, labels = scores_of(prediction), sorted({*prediction.labels()})
    said: dict[str, Any] = {"kind": prediction.name, "value": msgspec.Raw(kinds.encode(prediction))}
    if labels:
        said["label"] = labels
    if scores:
        said["score"] = round(sum(scores) / len(scores), 6)
    return said


@cache
def _host() -> str:
    return socket.gethostname()


@cache
def _holds_bytes(kind: type[Kind]) -> bool:
    return any(field.type is bytes for field in msgspec.structs.fields(kind))
