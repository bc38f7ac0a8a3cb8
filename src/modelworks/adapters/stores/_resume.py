"""Fetching that goes on after a dropped connection, and how long to wait before it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from modelworks.core import files

PAUSES = (0.2, 1.0, 3.0, 8.0)
"""Seconds before each further try."""
CHUNK = 1 << 20


def append(
    target: Path, size: int, read: Callable[[int], Iterable[bytes]], dropped: tuple[type[Exception], ...]
) -> None:
    """Append bytes `len(target)`… of an object of `size` bytes to a file; `read(offset)` gives them in pieces and may
    break off with one of `dropped`, which is raised when it does so again and again without a byte of progress."""
    pauses = iter(PAUSES)
    with files.telling(target), target.open("ab") as out:
        while (offset := out.tell()) < size:
            try:
                for piece in read(offset):
                    out.write(piece)
            except dropped:
                if out.tell() > offset:
                    pauses = iter(PAUSES)
                pause = next(pauses, None)
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                if out.tell() == offset:  # nothing came: the object is shorter than it said
                    return


def pieces(source: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """The parts of a file, numbered from 1, of `size` bytes each but the last."""
    with source.open("rb") as stream:
        number = 1
        while data := stream.read(size):
            yield number, data
            number += 1
