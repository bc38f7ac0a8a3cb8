"""Delimited text: CSV (quoted as RFC 4180 says) and TSV (quoted only where a cell's quotes close)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.formats import _columns
from modelworks.formats._columns import USUAL, Table
from modelworks.formats._text import lines

Row = tuple[int, list[str] | Bad]
"""(line it begins on, cells or fault)."""


def table(path: Path, reading: Reading, rows: Iterator[Row]) -> Table:
    """A table from split rows: the header is found or, in a headerless file, columns are called "1", "2"…"""
    sample = list(islice(rows, _columns.SAMPLE))
    split = [cells for _, cells in sample if not isinstance(cells, Bad)]
    if not split:
        raise DataError("the file holds no rows", where=str(path))
    first = split[0]
    header = sample[0][1] is first and is_header(first, split[1:], reading)
    names = [name.strip() for name in first] if header else [str(number) for number in range(1, len(first) + 1)]
    if len(set(names)) < len(names):
        raise DataError("two columns have one name", where=f"{path}:{sample[0][0]}", seen=names)
    return Table(names, _dicts(path, names, chain(sample[header:], rows)))


def _dicts(path: Path, names: list[str], rows: Iterable[Row]) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    for line, cells in rows:
        if isinstance(cells, Bad):
            yield line, cells
        elif len(cells) == len(names):
            yield line, dict(zip(names, cells, strict=True))
        else:
            seen = f"{len(cells)} columns: {' | '.join(cells)[:100]}"
            open_quote = " (a quote that opens here may not be closed)" if any("\n" in cell for cell in cells) else ""
            yield line, Bad(f"{path}:{line}", f"wrong number of columns{open_quote}", seen, f"{len(names)} columns")


def is_header(first: list[str], rest: list[list[str]], reading: Reading) -> bool:
    """Is the first row names? It is when a cell is a usual name or one that the user gave. Else it is data when it
    holds numbers or values that occur again below it, or when the user named columns by number."""
    named = {name for name in reading.columns.values() if not name.isdigit()}
    usual = {name for names in USUAL.values() for name in names} | named
    plain = [cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in first]
    if any(cell in usual for cell in (*plain, *first)):
        return True
    if len(named) < len(reading.columns) or any(not cell or _columns.is_number(cell) for cell in plain):
        return False
    again = any(cell == row[column] for row in rest if len(row) == len(first) for column, cell in enumerate(first))
    return not again and len(set(plain)) == len(plain) and len(rest) > 2 and all(len(cell) < 40 for cell in first)


def csv_rows(path: Path) -> Iterator[Row]:
    """Rows of a CSV file; the delimiter is the one of `,` `;` `|` that the first line has most."""
    csv.field_size_limit(2**31 - 1)
    source = (text for _, text in lines(path))
    first = next(source, "")
    delimiter = max(",;|", key=first.count)
    reader = csv.reader(chain([first], source), delimiter=delimiter)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Bad(f"{path}:{line}", f"not CSV: {error}", allowed="cells quoted as RFC 4180 says")
        else:
            if cells:
                yield line, cells
        line = reader.line_num + 1


def tsv_rows(path: Path) -> Iterator[Row]:
    """Rows of a TSV file. A cell that begins with a quote is quoted only if its quotes close before a tab or the
    line's end (maybe on a later line); otherwise quotes are plain text, as most TSV files mean them."""
    source = lines(path)
    width = 0
    for line, text in source:
        text = text.rstrip("\r\n")
        if not text:
            continue
        cells = text.split("\t")
        if any(cell.startswith('"') for cell in cells):
            cells = _unquote(text, cells, width, source)
        width = width or len(cells)
        yield line, cells


LONGEST_CELL = 1000
"""Lines that one quoted cell may span."""


def _unquote(text: str, literal: list[str], width: int, source: Iterator[tuple[int, str]]) -> list[str]:
    cells = _quoted(text)
    if cells is not None:
        return cells
    if len(literal) == width or not width:
        return literal
    for _, more in islice(source, LONGEST_CELL):
        text += "\n" + more.rstrip("\r\n")
        if (cells := _quoted(text)) is not None:
            return cells
    return literal


def _quoted(text: str) -> list[str] | None:
    """Cells by the rules of quoting, or None when a quote does not close where it should."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
