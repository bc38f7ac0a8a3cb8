"""Plain text: one long text, cut into windows.

A window has at most 2,048 characters and ends behind a line, else behind a blank, else anywhere; nothing is left out.
Each is an example whose prompt is its text, to be scored. `time` is the window's number, so `data.split: time` keeps
the end of the file for dev and test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError
from modelworks.formats._text import lines
from modelworks.kinds import Continuation, Example, Prompt
from modelworks.kinds.prompt import SCORED

WINDOW = 2048


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    if reading.input != "prompt":
        raise DataError(
            "a plain text holds no labelled examples", where=str(path), seen=f"input {reading.input}",
            allowed="a table, JSON lines or a format of the task",
        )  # fmt: skip
    for number, (line, text) in enumerate(_windows(path)):
        where = f"{path}:{line}"
        if not text.strip():
            continue
        target = Continuation(text, whole=False) if reading.target else None
        yield Example(f"{path.name}:{number}", Prompt(text, sampling=SCORED), target, {"time": str(number)}, "", where)


def _windows(path: Path) -> Iterator[tuple[int, str]]:
    """(number of the line it begins in, text) of each window."""
    held, first = "", 1
    for number, line in lines(path):
        if held and len(held) + len(line) > WINDOW:
            yield first, held
            held, first = "", number
        held += line
        while len(held) > WINDOW:
            cut = held.rfind(" ", 0, WINDOW) + 1 or WINDOW
            yield first, held[:cut]
            held, first = held[cut:], number
    if held:
        yield first, held


def sniff(path: Path, head: bytes) -> float:
    if path.suffix.lower() not in (".txt", ".text", ".md"):
        return 0.0
    return 0.3 if b"\0" not in head else 0.0


FORMAT = Format(name="text", summary="one long text, cut into windows", suffixes=(".txt",), sniff=sniff, read=read)
