"""What all table formats share: which column is which field, and a row as an Example.

A *field* is a field of the input or target kind (`text`, `label`, `spans`…) or one of `id`, `group`, `time`, `split`.
Its column is the one the user names, else one with a usual name, else (for the text and the label) the one whose
values look like it. All further columns go to `Example.meta`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.formats import _spans
from modelworks.formats._splits import split_of
from modelworks.kinds import KINDS, Example, Kind

SAMPLE = 200

USUAL: dict[str, tuple[str, ...]] = {
    "text": ("text", "sentence", "content", "review", "tweet", "message", "body", "comment", "utterance", "document",
             "query", "input", "question", "title"),
    "label": ("label", "labels", "class", "category", "sentiment", "target", "intent", "topic", "emotion", "polarity",
              "stars", "rating", "tag", "output", "y"),
    "image": ("image", "img", "picture", "photo", "image_path", "file_name", "filename", "file", "path"),
    "spans": ("spans", "entities", "ents", "annotations"),
    "tokens": ("tokens", "words"),
    "tags": ("ner_tags", "tags", "ner", "labels"),
    "id": ("id", "guid", "uid", "example_id", "sent_id"),
    "group": ("group", "group_id", "user_id", "user", "author", "patient", "patient_id", "session", "doc_id"),
    "time": ("time", "timestamp", "datetime", "date", "created_at"),
    "split": ("split", "partition", "subset"),
}  # fmt: skip
EXTRA = ("id", "group", "time", "split")


@dataclass(frozen=True, slots=True)
class Table:
    """An opened table: names of its columns, and (line, row or fault) for each row."""

    names: list[str]
    rows: Iterator[tuple[int, dict[str, Any] | Bad]]


Opener = Callable[[Path, Reading], Table]


def read(path: Path, reading: Reading, opener: Opener) -> Iterator[Example | Bad]:
    """Stream the examples of a table."""
    table = opener(path, reading)
    sample = list(islice(table.rows, SAMPLE))
    columns = match(path, table.names, [row for _, row in sample if isinstance(row, dict)], reading)
    make = Maker(columns, reading)
    for line, row in chain(sample, table.rows):
        yield row if isinstance(row, Bad) else make(row, f"{path}:{line}", f"{path.name}:{line}")


def guess(path: Path, reading: Reading, opener: Opener) -> dict[str, str]:
    """Field -> column as `read` takes them."""
    table = opener(path, reading)
    sample = [row for _, row in islice(table.rows, SAMPLE) if isinstance(row, dict)]
    return match(path, table.names, sample, reading)


def match(path: Path, names: list[str], sample: list[dict[str, Any]], reading: Reading) -> dict[str, str]:
    """Field -> column; a DataError for a column that is not there or a needed field without one."""
    columns = {field: _named(path, field, column, names) for field, column in reading.columns.items()}
    for field in (*fields(reading), *EXTRA):
        if field not in columns and (column := _usual(field, names, set(columns.values()))):
            columns[field] = column
    for field in _missing(columns, reading):
        column = _alike(field, names, sample, set(columns.values()))
        if column is None:
            raise DataError(
                f"no column looks like `{field}`", where=str(path), allowed=names or "a header with names of columns",
                hint=f"name it in modelworks.yaml: data: {{columns: {{{field}: NAME}}}}",
            )  # fmt: skip
        columns[field] = column
    return columns


def _named(path: Path, field: str, column: str, names: list[str]) -> str:
    """The column a user means: by its name, or by its number from 1."""
    if column in names:
        return column
    if column.isdigit() and 1 <= int(column) <= len(names):
        return names[int(column) - 1]
    raise DataError(f"there is no column {column!r} for `{field}`", where=str(path), seen=column, allowed=names)


def fields(reading: Reading) -> list[str]:
    """The fields of the input and target kinds that columns may hold."""
    found = [field.encode_name for field in msgspec.structs.fields(KINDS[reading.input]) if field.required]
    if reading.target == "spans":
        return [*found, "spans", "tokens", "tags"]
    if reading.target:
        found += [field.encode_name for field in msgspec.structs.fields(KINDS[reading.target])]
    return found


def _missing(columns: Mapping[str, str], reading: Reading) -> list[str]:
    if reading.target == "spans":
        if {"tokens", "tags"} <= set(columns):
            return []
        return [field for field in ("text", "spans") if field not in columns]
    return [field for field in fields(reading) if field not in columns]


def _usual(field: str, names: list[str], taken: set[str]) -> str | None:
    plain = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in reversed(names)}
    for candidate in USUAL.get(field, (field,)):
        if candidate in plain and plain[candidate] not in taken:
            return plain[candidate]
    return None


def _alike(field: str, names: list[str], sample: list[dict[str, Any]], taken: set[str]) -> str | None:
    """The free column whose values look like the field: the longest text, or the fewest distinct labels."""
    free = {
        name: [str(row[name]) for row in sample if row.get(name) is not None] for name in names if name not in taken
    }
    free = {name: values for name, values in free.items() if values}
    if not free:
        return None
    if field == "text":
        name = max(free, key=lambda name: sum(map(len, free[name])) / len(free[name]))
        return name if any(not is_number(value) for value in free[name]) else None
    if field == "label":
        few = {name: len(set(values)) for name, values in free.items() if max(map(len, values)) <= 60}
        few = {name: count for name, count in few.items() if count <= max(2, len(free[name]) // 2)}
        return min(few, key=lambda name: (few[name] == 1, few[name])) if few else None
    return None


def is_number(text: str) -> bool:
    """Does the text write a number?"""
    try:
        float(text)
    except ValueError:
        return False
    return True


Cell = Callable[[Any], Any]
"""A value of a row -> a value of a kind's field; a ValueError in a sentence where it cannot be."""


class Maker:
    """Makes examples of rows; what depends on the columns alone is worked out once."""

    def __init__(self, columns: Mapping[str, str], reading: Reading) -> None:
        self._columns, self._target = columns, reading.target
        self._tokens = reading.target == "spans" and {"tokens", "tags"} <= set(columns)
        self._input_cls, self._input_cells = _cells(reading.input, columns, skip=self._tokens)
        self._target_cls, self._target_cells = _cells(reading.target, columns, skip=reading.target in ("", "spans"))
        self._id, self._split = columns.get("id", ""), columns.get("split", "")
        self._used = {column for field, column in columns.items() if field not in ("group", "time")}
        self._renamed = {columns[field]: field for field in ("group", "time") if field in columns}

    def __call__(self, row: dict[str, Any], where: str, id_: str) -> Example | Bad:
        """The example of a row, or Bad."""
        try:
            source, target = self._kinds(row)
            source.check()
            if target is not None:
                target.check()
        except (ValueError, TypeError, msgspec.ValidationError) as error:
            return Bad(where, str(error), seen=_brief(row))
        given = row.get(self._id)
        return Example(
            id_ if given in (None, "") else str(given), source, target, self._meta(row),
            split_of(str(row.get(self._split) or "")), where,
        )  # fmt: skip

    def _kinds(self, row: dict[str, Any]) -> tuple[Kind, Kind | None]:
        if self._tokens:
            return _spans.from_tokens(row.get(self._columns["tokens"]), row.get(self._columns["tags"]))
        source = self._input_cls(*(cell(row.get(column)) for column, cell in self._input_cells))
        if not self._target:
            return source, None
        if self._target == "spans":
            spans, tokens = row.get(self._columns["spans"]), row.get(self._columns.get("tokens", ""))
            return source, _spans.from_plain(spans, getattr(source, "text", ""), tokens)
        return source, self._target_cls(*(cell(row.get(column)) for column, cell in self._target_cells))

    def _meta(self, row: dict[str, Any]) -> dict[str, str]:
        return {
            self._renamed.get(name, name): str(value)
            for name, value in row.items()
            if name not in self._used and value not in (None, "") and not isinstance(value, (bytes, list, dict))
        }


def _cells(kind: str, columns: Mapping[str, str], *, skip: bool) -> tuple[Any, list[tuple[str, Cell]]]:
    """(class of a kind, for each of its fields the column and how its value is made)."""
    if skip:
        return None, []
    fields = [field for field in msgspec.structs.fields(KINDS[kind]) if field.encode_name in columns]
    return KINDS[kind], [(columns[field.encode_name], _cell(field.encode_name, field.type)) for field in fields]


def _cell(field: str, wanted: Any) -> Cell:
    if wanted is bytes:
        return _image
    if wanted is str:
        return partial(_word, field)
    return partial(msgspec.convert, type=wanted, strict=False)


def _word(field: str, value: Any) -> str:
    """A text as it is, any other word stripped; numbers and booleans as JSON writes them (1.0 as 1)."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"the {field} is empty")
    if isinstance(value, (list, dict, bytes)):
        raise ValueError(f"the {field} is a {type(value).__name__}, not one value")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if field == "text" else str(value).strip()


def _image(value: Any) -> bytes:
    """Bytes of an encoded image: as they are, in base64, or as Hugging Face stores them ({bytes, path})."""
    if isinstance(value, dict):
        value = value.get("bytes")
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            pass
    if not isinstance(value, bytes):
        raise ValueError("the image is given neither as bytes nor in base64 (images in files: name their folder)")
    return value


def _brief(row: dict[str, Any]) -> str:
    shown = {name: "(bytes)" if isinstance(value, (bytes, dict)) else value for name, value in row.items()}
    text = str(shown)
    return text if len(text) <= 120 else f"{text[:119]}…"
