"""Examples as rows: what the writers of the table formats share. Writing appears whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from modelworks.core import files
from modelworks.core.errors import DataError
from modelworks.kinds import Example


def row(example: Example) -> dict[str, Any]:
    """One example as plain data: fields of its kinds, then `id`, `split` and metadata."""
    facts: dict[str, Any] = dict(msgspec.to_builtins(example.input))
    facts |= msgspec.to_builtins(example.target) if example.target is not None else {}
    extra = {"id": example.id, "split": example.split, **example.meta}
    return facts | {name: value for name, value in extra.items() if value and name not in facts}


def jsonl(path: Path, examples: Iterable[Example]) -> None:
    """A JSON object a line."""
    encoder = msgspec.json.Encoder()
    files.write_bytes(path, b"".join(encoder.encode(row(example)) + b"\n" for example in examples))


def csv(path: Path, examples: Iterable[Example]) -> None:
    """A header, then a row an example."""
    _delimited(path, examples, ",")


def tsv(path: Path, examples: Iterable[Example]) -> None:
    """A header, then a row an example; cells with tabs, quotes or line ends are quoted."""
    _delimited(path, examples, "\t")


def _delimited(path: Path, examples: Iterable[Example], delimiter: str) -> None:
    rows = [dict(_flat(example)) for example in examples]
    names = list(dict.fromkeys(name for one in rows for name in one))
    cells = [names, *([one.get(name, "") for name in names] for one in rows)]
    lines = [delimiter.join(_quoted(cell, delimiter) for cell in line) + "\n" for line in cells]
    if delimiter == "\t" and any('"' in line for line in lines):  # a quoted header says that the file is quoted
        lines[0] = delimiter.join(f'"{name}"' for name in names) + "\n"
    text = "".join(lines)
    files.write_bytes(path, text.encode("utf-8", "surrogatepass"))


def _quoted(cell: str, delimiter: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & {delimiter, '"', "\r", "\n"} else cell


def _flat(example: Example) -> Iterator[tuple[str, str]]:
    for name, value in row(example).items():
        if not isinstance(value, (str, int, float)):
            raise DataError(
                f"`{name}` does not fit into one cell", where=example.where, allowed="formats jsonl or conll",
                hint="write .jsonl",
            )  # fmt: skip
        yield name, str(value)
