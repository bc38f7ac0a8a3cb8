"""Format: reads (and writes) one of the field's file formats. A leaf `modelworks/formats/<name>.py` sets `FORMAT`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelworks.core import registry
from modelworks.kinds import Example

PACKAGE = "modelworks.formats"


@dataclass(frozen=True, slots=True)
class Bad:
    """An example that cannot be used: file and line, what was seen, what is allowed."""

    where: str
    message: str
    seen: str = ""
    allowed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the reader is asked for: names of the input and target kinds; field -> column where the user said so."""

    input: str
    target: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format."""

    name: str
    summary: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Path, bytes], float]
    """(path, its first 64 KiB; empty for a folder) -> how surely it is this format, 0 to 1."""
    read: Callable[[Path, Reading], Iterator[Example | Bad]]
    """Stream the examples; faults of one example are yielded as Bad, faults of the whole file raise DataError."""
    guess: Callable[[Path, Reading], dict[str, str]] | None = None
    """Field -> column as the reader would take them; None where the format fixes them."""
    write: Callable[[Path, Iterable[Example]], None] | None = None
    piece: Callable[[Example], bytes] | None = None
    """One example, with a target or a prediction, as bytes; a file of this format is such pieces one after the other.
    None where it is not, or where answers are not written in it."""


def find(name: str) -> Format:
    """The format of a name."""
    found: Format = registry.leaf(PACKAGE, name, "FORMAT")
    return found
