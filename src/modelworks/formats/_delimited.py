"""Delimited text: CSV (quoted as RFC 4180 says) and TSV (quoted only where a cell's quotes close)."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.formats import _columns
from modelworks.formats._columns import Table
from modelworks.formats._text import lines

Row = tuple[int, list[str] | Bad]
"""(line it begins on, cells or fault)."""
Lines = Iterator[tuple[int, str]]
"""(number from 1, line with its end)."""


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
    usual = _columns.usual(reading) | named
    plain = [cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in first]
    if any(cell in usual for cell in (*plain, *first)):
        return True
    if len(named) < len(reading.columns) or any(not cell or _columns.is_number(cell) for cell in plain):
        return False
    again = any(cell == row[column] for row in rest if len(row) == len(first) for column, cell in enumerate(first))
    return not again and len(set(plain)) == len(plain) and len(rest) > 2 and all(len(cell) < 40 for cell in first)


def csv_rows(path: Path, delimiters: str = ",;|") -> Iterator[Row]:
    """Rows of a CSV file; the delimiter is the one that the first line has most."""
    csv.field_size_limit(2**31 - 1)
    source = (text for _, text in lines(path))
    first = next(source, "")
    reader = csv.reader(chain([first], source), delimiter=max(delimiters, key=first.count))
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
    """Rows of a TSV file.

    When every name of its first line is quoted, the file is quoted as CSV is. Otherwise quotes are plain text, as
    most TSV files mean them, but for a cell whose quotes open and close around it, maybe some lines later."""
    source = lines(path)
    first = next(source, (1, ""))
    if all(cell[:1] == cell[-1:] == '"' for cell in first[1].rstrip("\r\n").split("\t")):
        yield from csv_rows(path, "\t")
        return
    waiting = deque([first])
    width = 0
    for line, raw in _drain(waiting, source):
        text = raw.rstrip("\r\n")
        if not text:
            continue
        cells = text.split("\t")
        if any(cell.startswith('"') for cell in cells):
            cells = _unquote(raw, cells, width, source, waiting)
        width = width or len(cells)
        yield line, cells


def _drain(waiting: deque[tuple[int, str]], source: Lines) -> Lines:
    """The lines that wait, and when none does those of the source."""
    while one := waiting.popleft() if waiting else next(source, None):
        yield one


LONGEST_CELL = 100
"""Lines that one quoted cell may span in a TSV file whose header is not quoted."""


def _unquote(raw: str, literal: list[str], width: int, source: Lines, waiting: deque[tuple[int, str]]) -> list[str]:
    """Cells of a line with a quote; `waiting` are lines that were looked at and not used."""
    cells = _quoted(raw.rstrip("\r\n"))
    if cells is not None:
        return cells
    if len(literal) == width or not width:
        return literal
    for looked in range(LONGEST_CELL):
        if looked == len(waiting):
            waiting.extend(islice(source, 1))
        if looked == len(waiting):
            break
        raw += waiting[looked][1]
        cells = _quoted(raw.rstrip("\r\n"))
        if cells is not None and len(cells) == width:
            for _ in range(looked + 1):
                waiting.popleft()
            return cells
    return literal


def _quoted(text: str) -> list[str] | None:
    """Cells by the rules of quoting, or None when a quote does not close where it should."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
