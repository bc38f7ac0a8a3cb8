"""`modelworks batch`: a file of inputs to a file of answers, line by line.

Line n of the output answers line n of the input. The output grows under `OUT.part`; `OUT.part.json` says how far it
got, for which bundle and which input. Run again after a stop, it goes on from there; `OUT` appears when it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import msgspec

from modelworks.cli._answers import Answered, Answerer, Asked, chunks, opened
from modelworks.cli._attach import ATTACH, attached
from modelworks.core import config, files
from modelworks.core.errors import ConfigError, DataError
from modelworks.core.progress import Progress

if TYPE_CHECKING:
    from modelworks.bundle import Predictor

EVERY = 1.0
"""Seconds between two notes of how far the run got: what a kill costs."""


@click.command()
@click.argument("bundle")
@click.argument("source", metavar="IN.jsonl", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", metavar="OUT.jsonl", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--skip-bad", is_flag=True, help="Answer a bad line with its error instead of stopping there.")
@click.option("--on", metavar="SYSTEM", help="Answer on the workers of a cluster (ray), which see the same folders.")
@click.option("--set", "options", metavar="KEY=VALUE", multiple=True, help="An option of the system.")
@ATTACH
@click.option("--json", "as_json", is_flag=True, help="Say what was done as JSON.")
def command(
    bundle: str, source: Path, target: Path, skip_bad: bool, on: str | None, options: tuple[str, ...],
    attach: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Answer a whole file of inputs, in order, resumable.

    IN.jsonl holds an input a line, as {"text": "…"}; other keys are passed over. A file that ends in
    .txt holds a plain text a line. OUT.jsonl gets the answer of each line; OUT.conllu or OUT.conll
    those of parsers and taggers. Run again after a stop, it goes on where it was.
    """
    from modelworks.cli import _show
    from modelworks.cli._bundles import resolve

    asked = Asked(
        bundle=str(resolve(bundle).resolve()), source=str(source.resolve()), shown=str(source), target=str(target),
        skip_bad=skip_bad, attach={name: str(path.resolve()) for name, path in attached(attach).items()},
    )  # fmt: skip
    predictor = opened(asked)
    answering = _elsewhere(asked, on, options) if on else None
    if on and predictor.manifest.program.state:
        raise ConfigError("a program with a memory answers in one process", where="--on", seen=predictor.manifest.name)
    with _show.progress() as progress:
        facts = run(predictor, source, target, skip_bad=skip_bad, progress=progress, answering=answering)
    if as_json:
        click.echo(msgspec.json.encode(facts).decode())
    else:
        bad = f", {facts['bad']} of them bad" if facts["bad"] else ""
        click.echo(f"{facts['lines']} lines{bad} in {facts['seconds']:.1f} s: {target}")


def _elsewhere(asked: Asked, on: str, given: tuple[str, ...]) -> Answering:
    """Answers by the workers of a system."""
    from modelworks.contracts import workers

    system = workers.find(on)
    options = workers.settled(on, dict(map(config.setting, given)), where="--set")

    def answering(lines: BinaryIO, state: State) -> Found:
        facts = msgspec.to_builtins(msgspec.structs.replace(asked, read=state.read, lines=state.lines))
        with contextlib.closing(system.spread(_ITEMS, _ANSWER, facts, options)) as answers:
            yield from ((_same(lines, found, asked), found) for found in map(_answered, answers))

    return answering


def _options(given: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE, the value in JSON where it is."""
    found: dict[str, Any] = {}
    for text in given:
        key, mark, value = text.partition("=")
        if not mark:
            raise ConfigError("not an option", where="--set", seen=text, allowed="KEY=VALUE")
        try:
            found[key] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            found[key] = value
    return found


_ITEMS, _ANSWER = "modelworks.cli._answers:items", "modelworks.cli._answers:answering"


def _answered(item: bytes) -> Answered:
    return msgspec.msgpack.decode(item, type=Answered).checked()


def _same(lines: BinaryIO, found: Answered, asked: Asked) -> list[bytes]:
    """The lines that a worker has answered, as this process reads them."""
    chunk = list(itertools.islice(lines, found.lines))
    if sum(map(len, chunk)) != found.read:
        hint = "the same file must lie at the same path on all machines, and stay as it is"
        raise DataError("a worker reads another file", where=asked.shown, hint=hint)
    return chunk


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


Found = Generator[tuple[list[bytes], Answered], None, None]
Answering = Callable[[BinaryIO, State], Found]
"""(the input, at the first line to answer; how far the run got) -> chunks of its lines with their answers, in order."""


def run(
    predictor: Predictor, source: Path, target: Path, *, skip_bad: bool, progress: Progress,
    answering: Answering | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Answer `source` into `target`; facts of the run. A DataError names the first bad line unless `skip_bad`."""
    start, part = time.monotonic(), target.with_name(target.name + ".part")
    answering = answering or _here(predictor, source, target, skip_bad)
    journal = part.with_name(part.name + ".json")
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as lines, files.telling(part):
        state, seen = _resume(journal, part, lines, predictor)
        before = f" (after {state.lines} answered before)" if state.lines else ""
        progress.start(f"predict{before}", _count(source) - state.lines, "lines")
        with part.open("r+b" if state.written else "wb") as out:
            out.truncate(state.written)
            out.seek(state.written)
            saved = float("-inf")
            try:
                with contextlib.closing(answering(lines, state)) as answers:
                    for chunk, found in answers:
                        out.write(found.answers)
                        _note(state, seen, chunk, found.bad, out.tell())
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


def _here(predictor: Predictor, source: Path, target: Path, skip_bad: bool) -> Answering:
    """Answers by this process."""

    def answering(lines: BinaryIO, state: State) -> Found:
        answerer = Answerer(predictor, source, target, skip_bad, os.cpu_count() or 1)
        with contextlib.closing(answerer):
            yield from ((chunk, answerer(chunk, state.lines)) for chunk in chunks(lines))

    return answering


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
