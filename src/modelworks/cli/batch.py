"""`modelworks batch`: a file of inputs to a file of answers, line by line.

Line n of the output answers line n of the input. The output grows under `OUT.part`; `OUT.part.json` says how far it
got, for which bundle and which input. Run again after a stop, it goes on from there; `OUT` appears when it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import msgspec

from modelworks.cli._attach import ATTACH, attached
from modelworks.core import files
from modelworks.core.errors import DataError, ModelworksError
from modelworks.core.progress import Progress

if TYPE_CHECKING:
    from modelworks.bundle import Predictor, Row
    from modelworks.kinds import Kind

ROWS, BYTES = 256, 16 << 20
"""Lines, and bytes of lines, that are held at once."""
EVERY = 1.0
"""Seconds between two notes of how far the run got: what a kill costs."""


@click.command()
@click.argument("bundle")
@click.argument("source", metavar="IN.jsonl", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", metavar="OUT.jsonl", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--skip-bad", is_flag=True, help="Answer a bad line with its error instead of stopping there.")
@ATTACH
@click.option("--json", "as_json", is_flag=True, help="Say what was done as JSON.")
def command(bundle: str, source: Path, target: Path, skip_bad: bool, attach: tuple[str, ...], as_json: bool) -> None:
    """Answer a whole file of inputs, in order, resumable.

    IN.jsonl holds an input a line, as {"text": "…"}; other keys are passed over. A file that ends in
    .txt holds a plain text a line. OUT.jsonl gets the answer of each line; OUT.conllu or OUT.conll
    those of parsers and taggers. Run again after a stop, it goes on where it was.
    """
    from modelworks.bundle import Predictor
    from modelworks.cli import _show
    from modelworks.cli._bundles import resolve

    predictor = Predictor.open(resolve(bundle), threads=1, attach=attached(attach))
    if predictor.manifest.program.state:
        predictor = predictor.session()
    with _show.progress() as progress:
        facts = run(predictor, source, target, skip_bad=skip_bad, progress=progress)
    if as_json:
        click.echo(msgspec.json.encode(facts).decode())
    else:
        bad = f", {facts['bad']} of them bad" if facts["bad"] else ""
        click.echo(f"{facts['lines']} lines{bad} in {facts['seconds']:.1f} s: {target}")


class State(msgspec.Struct):
    """How far a run got: what `OUT.part.json` holds."""

    bundle: str
    lines: int = 0
    bad: int = 0
    read: int = 0
    """Bytes of the input that are answered."""
    sha256: str = ""
    """Of those bytes."""
    written: int = 0
    """Bytes of the output that are on disk."""


def run(predictor: Predictor, source: Path, target: Path, *, skip_bad: bool, progress: Progress) -> dict[str, Any]:
    """Answer `source` into `target`; facts of the run. A DataError names the first bad line unless `skip_bad`."""
    start, part = time.monotonic(), target.with_name(target.name + ".part")
    write = _writer(target)
    journal = part.with_name(part.name + ".json")
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as lines, files.telling(part):
        state, seen = _resume(journal, part, lines, predictor)
        before = f" (after {state.lines} answered before)" if state.lines else ""
        progress.start(f"predict{before}", _count(source) - state.lines, "lines")
        with part.open("r+b" if state.written else "wb") as out, ThreadPoolExecutor(os.cpu_count()) as pool:
            out.truncate(state.written)
            out.seek(state.written)
            saved = float("-inf")
            try:
                for chunk in _chunks(lines):
                    answers, bad = _answers(predictor, pool, chunk, state.lines, source, skip_bad, write)
                    out.write(b"".join(answers))
                    _note(state, seen, chunk, bad, out.tell())
                    if time.monotonic() > saved + EVERY:
                        _save(out, journal, state, seen)
                        saved = time.monotonic()
                    progress.advance(len(chunk))
            finally:
                _save(out, journal, state, seen)
        os.replace(part, target)
        files.sync(target.parent)
    journal.unlink(missing_ok=True)
    return {"lines": state.lines, "bad": state.bad, "seconds": time.monotonic() - start, "output": str(target)}


def _note(state: State, seen: Any, chunk: list[bytes], bad: int, written: int) -> None:
    for line in chunk:
        seen.update(line)
        state.read += len(line)
    state.lines, state.bad, state.written = state.lines + len(chunk), state.bad + bad, written


def _save(out: BinaryIO, journal: Path, state: State, seen: Any) -> None:
    """The answers first, then what says that they are there."""
    out.flush()
    os.fsync(out.fileno())
    state.sha256 = seen.hexdigest()
    files.write_bytes(journal, msgspec.json.encode(state))


def _resume(journal: Path, part: Path, lines: BinaryIO, predictor: Predictor) -> tuple[State, Any]:
    """(where to go on, the hash of what was read up to there); from the start unless all is as it was left, and for a
    program with a memory, which is gone."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        state = msgspec.json.decode(journal.read_bytes(), type=State)
        seen, left = hashlib.sha256(), state.read
        while left and (piece := lines.read(min(left, 1 << 20))):
            seen.update(piece)
            left -= len(piece)
        same = state.bundle == predictor.id and seen.hexdigest() == state.sha256
        if same and not predictor.manifest.program.state and part.stat().st_size >= state.written:
            return state, seen
    lines.seek(0)
    return State(predictor.id), hashlib.sha256()


def _count(path: Path) -> int:
    with path.open("rb") as stream:
        total, last = 0, b"\n"
        while piece := stream.read(1 << 20):
            total, last = total + piece.count(b"\n"), piece[-1:]
    return total + (last != b"\n")


def _chunks(lines: BinaryIO) -> Iterator[list[bytes]]:
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


def _answers(
    predictor: Predictor, pool: ThreadPoolExecutor, chunk: list[bytes], before: int, source: Path, skip_bad: bool,
    write: Write,
) -> tuple[list[bytes], int]:  # fmt: skip
    """(what is written for each line of the chunk, how many of them are errors)."""
    read = _plain if source.suffix == ".txt" else _read
    rows: dict[int, Row] = {}
    inputs: dict[int, Kind] = {}
    answers: list[bytes] = [b""] * len(chunk)
    for position, line in enumerate(chunk):
        where = f"{source}:{before + position + 1}"
        try:
            inputs[position] = read(line, predictor.manifest.input, where)
            rows[position] = predictor.prepare([inputs[position]])[0]
        except ModelworksError as error:
            if not skip_bad:
                raise _stopped(error, where) from error
            answers[position] = write(where, None, error.to_dict() | {"where": where})
    for position, prediction in zip(rows, _finish(predictor, pool, list(rows.values())), strict=True):
        answers[position] = write(f"{source.name}:{before + position + 1}", inputs[position], prediction)
    return answers, len(chunk) - len(rows)


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


def _finish(predictor: Predictor, pool: ThreadPoolExecutor, rows: list[Row]) -> list[Kind]:
    """Predictions in order: batches of like length, a core each."""
    if predictor.manifest.program.state:
        return predictor.finish(rows)
    batches = list(predictor.batches(rows))
    answers: dict[int, Kind] = {}
    for batch, found in zip(batches, pool.map(lambda b: predictor.finish([rows[i] for i in b]), batches), strict=True):
        answers.update(zip(batch, found, strict=True))
    return [answers[i] for i in range(len(rows))]
