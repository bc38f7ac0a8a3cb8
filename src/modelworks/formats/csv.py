"""CSV: cells parted by `,` (or `;` or `|`), quoted as RFC 4180 says, with or without a header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.formats import _columns, _delimited, _writing
from modelworks.formats._columns import Table
from modelworks.kinds import Example


def _open(path: Path, reading: Reading) -> Table:
    return _delimited.table(path, reading, _delimited.csv_rows(path))


def sniff(path: Path, head: bytes) -> float:
    if path.suffix.lower() == ".csv":
        return 0.9
    first = head.split(b"\n", 1)[0]
    return 0.35 if path.suffix.lower() == ".txt" and first.count(b",") == 1 and b"\0" not in head else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    return _columns.read(path, reading, _open)


def guess(path: Path, reading: Reading) -> dict[str, str]:
    return _columns.guess(path, reading, _open)


FORMAT = Format(
    name="csv",
    summary="a row an example, cells parted by commas",
    suffixes=(".csv",),
    sniff=sniff,
    read=read,
    guess=guess,
    write=_writing.csv,
)
