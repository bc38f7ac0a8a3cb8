"""Lines to answers: what `modelworks batch` does with a chunk of a file, in its own process or on a worker."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from msgspec import Struct

from modelworks.core.errors import DataError, ModelworksError

if TYPE_CHECKING:
    from modelworks.bundle import Predictor, Row
    from modelworks.kinds import Kind

ROWS, BYTES = 256, 16 << 20
"""Lines, and bytes of lines, that are held at once."""


class Asked(Struct, frozen=True):
    """A run of `modelworks batch`, for whoever answers its lines."""

    bundle: str
    source: str
    """The file of inputs."""
    shown: str
    """The same as the user wrote it."""
    target: str
    skip_bad: bool
    attach: dict[str, str]
    read: int = 0
    """Bytes of the input that are answered already."""
    lines: int = 0
    """And lines."""


class Answered(Struct, frozen=True):
    """What one chunk gave."""

    lines: int
    read: int
    """Bytes of those lines."""
    bad: int
    answers: bytes
    fault: dict[str, Any] | None = None
    """The error at which the run stops: the first bad line's."""

    def checked(self) -> Answered:
        """Itself; a DataError where there is a fault."""
        if self.fault is None:
            return self
        fault = dict(self.fault)
        fault.pop("error")
        raise DataError(fault.pop("message"), **fault)


class _Chunk(Struct, frozen=True):
    before: int
    """Lines of the file before it."""
    lines: list[bytes]


def items(facts: dict[str, Any]) -> Iterator[bytes]:
    """The chunks of an Asked's file, for workers."""
    asked = msgspec.convert(facts, Asked)
    before = asked.lines
    with Path(asked.source).open("rb") as lines:
        lines.seek(asked.read)
        for chunk in chunks(lines):
            yield msgspec.msgpack.encode(_Chunk(before, chunk))
            before += len(chunk)


def answering(facts: dict[str, Any]) -> Callable[[bytes], bytes]:
    """What answers an Asked's chunks on a worker: each an Answered."""
    asked = msgspec.convert(facts, Asked)
    threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    answerer = Answerer(opened(asked), Path(asked.shown), Path(asked.target), asked.skip_bad, threads)

    def answer(item: bytes) -> bytes:
        chunk = msgspec.msgpack.decode(item, type=_Chunk)
        try:
            found = answerer(chunk.lines, chunk.before)
        except DataError as error:
            found = Answered(0, 0, 0, b"", error.to_dict())
        return msgspec.msgpack.encode(found)

    return answer


def opened(asked: Asked) -> Predictor:
    """The bundle, with a memory where its program has one."""
    from modelworks.bundle import Predictor

    predictor = Predictor.open(
        Path(asked.bundle), threads=1, attach={name: Path(path) for name, path in asked.attach.items()}
    )
    return predictor.session() if predictor.manifest.program.state else predictor


def chunks(lines: BinaryIO) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if len(chunk) >= ROWS or size >= BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class Answerer:
    """A bundle that answers chunks of lines; called with a chunk and the number of lines before it. A DataError names
    the first bad line, unless bad lines are answered by their error."""

    def __init__(self, predictor: Predictor, source: Path, target: Path, skip_bad: bool, threads: int) -> None:
        self._predictor, self._source, self._skip_bad = predictor, source, skip_bad
        self._read, self._write = _plain if source.suffix == ".txt" else _read, _writer(target)
        self._pool = ThreadPoolExecutor(threads)

    def close(self) -> None:
        self._pool.shutdown()

    def __call__(self, chunk: list[bytes], before: int) -> Answered:
        kind = self._predictor.manifest.input
        rows: dict[int, Row] = {}
        inputs: dict[int, Kind] = {}
        answers: list[bytes] = [b""] * len(chunk)
        for position, line in enumerate(chunk):
            where = f"{self._source}:{before + position + 1}"
            try:
                inputs[position] = self._read(line, kind, where)
                rows[position] = self._predictor.prepare([inputs[position]])[0]
            except ModelworksError as error:
                if not self._skip_bad:
                    raise _stopped(error, where) from error
                answers[position] = self._write(where, None, error.to_dict() | {"where": where})
        for position, prediction in zip(rows, self._finish(list(rows.values())), strict=True):
            name = f"{self._source.name}:{before + position + 1}"
            answers[position] = self._write(name, inputs[position], prediction)
        return Answered(len(chunk), sum(map(len, chunk)), len(chunk) - len(rows), b"".join(answers))

    def _finish(self, rows: list[Row]) -> list[Kind]:
        """Predictions in order: batches of like length, a core each."""
        predictor = self._predictor
        if predictor.manifest.program.state:
            return predictor.finish(rows)
        batches = list(predictor.batches(rows))
        answers: dict[int, Kind] = {}
        found = self._pool.map(lambda batch: predictor.finish([rows[i] for i in batch]), batches)
        for batch, predictions in zip(batches, found, strict=True):
            answers.update(zip(batch, predictions, strict=True))
        return [answers[i] for i in range(len(rows))]


Write = Callable[[str, "Kind | None", Any], bytes]
"""(name of a line, its input, the prediction; None and plain data for an error) -> what is written."""


def _writer(target: Path) -> Write:
    """By the ending of the file: in a format that holds answers (`.conllu`, `.conll`), else a JSON object a line."""
    from modelworks import formats
    from modelworks.kinds import Example

    piece = formats.pieces(target)
    if piece is None:
        return lambda name, given, answer: msgspec.json.encode(answer) + b"\n"

    def write(name: str, given: Kind | None, answer: Any) -> bytes:
        if given is None:
            return b"# error = " + msgspec.json.encode(answer) + b"\n\n"
        return piece(Example(name, given, answer))

    return write


def _stopped(error: ModelworksError, where: str) -> DataError:
    return DataError(
        error.message, where=where, seen=error.seen, allowed=error.allowed,
        hint="mend the line and run again, or answer bad lines by their error with --skip-bad",
    )  # fmt: skip


def _read(line: bytes, kind: str, where: str) -> Kind:
    """The input of a line."""
    from modelworks import kinds

    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not JSON: {error}", where=where, allowed="a JSON object a line, in UTF-8") from error
    names = _fields(kind)
    known = {name: value for name, value in found.items() if name in names} if isinstance(found, dict) else {}
    if not known:
        raise DataError("not an input", where=where, seen=found, allowed=[f'{{"{name}": …}}' for name in sorted(names)])
    return kinds.decode(kind, known, where)


@cache
def _fields(kind: str) -> frozenset[str]:
    from modelworks.kinds.base import named

    return frozenset(field.encode_name for field in msgspec.structs.fields(named(kind)))


def _plain(line: bytes, kind: str, where: str) -> Kind:
    """The input of a line that is a plain text."""
    from modelworks.kinds.base import named

    try:
        return named(kind).raw(line.rstrip(b"\r\n"))
    except ValueError as error:
        raise DataError(f"not a valid {kind}: {error}", where=where, allowed="a plain text a line, in UTF-8") from error
