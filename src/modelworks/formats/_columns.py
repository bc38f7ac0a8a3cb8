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
from modelworks.formats._splits import split_of
from modelworks.kinds import KINDS, Example, Kind

SAMPLE = 200

USUAL: dict[str, tuple[str, ...]] = {
    "id": ("id", "guid", "uid", "example_id", "sent_id"),
    "group": ("group", "group_id", "user_id", "user", "author", "patient", "patient_id", "session", "doc_id"),
    "time": ("time", "timestamp", "datetime", "date", "created_at"),
    "split": ("split", "partition", "subset"),
}
"""Usual names of columns that no kind knows; a kind brings its own (`Kind.columns`)."""
SEVERAL = ", "
"""Between the names of columns that hold one field together."""
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
        if field not in columns and (column := _usual(field, names, set(columns.values()), reading)):
            columns[field] = column
    wanted = [field for cls in _kinds(reading) for field in _chosen(cls, columns)]
    for field in fields(reading):
        if field in columns and not (field in wanted or field in reading.columns or _named_so(field, columns, reading)):
            del columns[field]
    for field in wanted:
        if field in columns:
            continue
        column = _alike(field, names, sample, set(columns.values()), reading)
        if column is None:
            raise DataError(
                f"no column looks like `{field}`", where=str(path), allowed=names or "a header with names of columns",
                hint=f"name it in modelworks.yaml: data: {{columns: {{{field}: NAME}}}}",
            )  # fmt: skip
        columns[field] = column
    return columns


def _kinds(reading: Reading) -> list[type[Kind]]:
    return [KINDS[name] for name in (reading.input, reading.target) if name]


def _required(cls: type[Kind]) -> tuple[str, ...]:
    return tuple(field.encode_name for field in msgspec.structs.fields(cls) if field.required)


def _chosen(cls: type[Kind], columns: Mapping[str, str]) -> tuple[str, ...]:
    """The fields to make a value from: the first set of which all have a column, else the kind's most usual one."""
    sets = cls.needs or (_required(cls),)
    return next((fields for fields in sets if set(fields) <= set(columns)), sets[0])


def _named_so(field: str, columns: Mapping[str, str], reading: Reading) -> bool:
    """Is it an optional field of a kind, in a column of exactly its name?"""
    known = {f.encode_name for cls in _kinds(reading) for f in msgspec.structs.fields(cls)}
    return field in known and columns[field] == field


def _named(path: Path, field: str, column: str, names: list[str]) -> str:
    """The column a user means: by its name, or by its number from 1; of several with commas between, all."""
    if column in names:
        return column
    if "," in column:
        return SEVERAL.join(_named(path, field, part.strip(), names) for part in column.split(","))
    if column.isdigit() and 1 <= int(column) <= len(names):
        return names[int(column) - 1]
    raise DataError(f"there is no column {column!r} for `{field}`", where=str(path), seen=column, allowed=names)


def fields(reading: Reading) -> list[str]:
    """The fields of the input and target kinds that columns may hold."""
    return list(dict.fromkeys(field for cls in _kinds(reading) for field in cls.columns or _required(cls)))


def usual(reading: Reading) -> set[str]:
    """All names that columns usually have, for data of these kinds."""
    known = [names for cls in _kinds(reading) for names in cls.columns.values()]
    return {name for names in (*known, *USUAL.values()) for name in names}


def _usual(field: str, names: list[str], taken: set[str], reading: Reading) -> str | None:
    plain = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in reversed(names)}
    known = [name for cls in _kinds(reading) for name in cls.columns.get(field, ())]
    for candidate in known or USUAL.get(field, (field,)):
        if candidate in plain and plain[candidate] not in taken:
            return plain[candidate]
    return None


def _alike(
    field: str, names: list[str], sample: list[dict[str, Any]], taken: set[str], reading: Reading
) -> str | None:  # fmt: skip
    """The free column whose values look like the field, for a kind of one text: the longest text for an input, the
    fewest distinct values for a target that is a class."""
    free = {
        name: [str(row[name]) for row in sample if row.get(name) is not None] for name in names if name not in taken
    }
    free = {name: values for name, values in free.items() if values}
    if not free:
        return None
    if _is_one_text(KINDS[reading.input], field):
        name = max(free, key=lambda name: sum(map(len, free[name])) / len(free[name]))
        return name if any(not is_number(value) for value in free[name]) else None
    if reading.target and KINDS[reading.target].fewest_labels > 1 and _is_one_text(KINDS[reading.target], field):
        few = {name: len(set(values)) for name, values in free.items() if max(map(len, values)) <= 60}
        few = {name: count for name, count in few.items() if count <= max(2, len(free[name]) // 2)}
        return min(few, key=lambda name: (few[name] == 1, few[name])) if few else None
    return None


def _is_one_text(cls: type[Kind], field: str) -> bool:
    """Is the field a str, and all that a value needs?"""
    types = {f.encode_name: f.type for f in msgspec.structs.fields(cls)}
    return (cls.needs or (_required(cls),))[0] == (field,) and types.get(field) is str


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
        self._input, self._input_cells = KINDS[reading.input], _cells(KINDS[reading.input], columns, strip=False)
        self._target = KINDS[reading.target] if reading.target else None
        self._target_cells = _cells(self._target, columns, strip=True) if self._target else []
        self._id, self._split = columns.get("id", ""), columns.get("split", "")
        self._used = {column for field, column in columns.items() if field not in ("group", "time")}
        self._several = {column: column.split(SEVERAL) for column in self._used if SEVERAL in column}
        self._used.update(name for names in self._several.values() for name in names)
        self._renamed = {columns[field]: field for field in ("group", "time") if field in columns}

    def __call__(self, row: dict[str, Any], where: str, id_: str) -> Example | Bad:
        """The example of a row, or Bad."""
        for column, names in self._several.items():
            row = {column: {name: row.get(name) for name in names}, **row}
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
        source = self._input.from_fields(_given(row, self._input_cells))
        if self._target is None:
            return source, None
        return source, self._target.from_fields(_given(row, self._target_cells), source)

    def _meta(self, row: dict[str, Any]) -> dict[str, str]:
        return {
            self._renamed.get(name, name): str(value)
            for name, value in row.items()
            if name not in self._used and value not in (None, "") and not isinstance(value, (bytes, list, dict))
        }


def _cells(cls: type[Kind], columns: Mapping[str, str], *, strip: bool) -> list[tuple[str, str, Cell | None]]:
    """For each field of a kind that has a column: its name, the column, and how its value is made (None: as it is)."""
    known = {field.encode_name: field for field in msgspec.structs.fields(cls)}
    cells: list[tuple[str, str, Cell | None]] = []
    for name in dict.fromkeys((*cls.columns, *known)):
        if name in columns:
            field = known.get(name)
            cells.append((name, columns[name], _cell(field, strip) if field is not None else None))
    return cells


def _cell(field: Any, strip: bool) -> Cell | None:
    if field.type is bytes:
        return _image
    return partial(_word, field.encode_name, strip) if field.type is str and field.required else None


def _given(row: dict[str, Any], cells: list[tuple[str, str, Cell | None]]) -> dict[str, Any]:
    return {
        field: row[column] if cell is None else cell(row.get(column))
        for field, column, cell in cells
        if cell is not None or row.get(column) is not None
    }  # fmt: skip


def _word(field: str, strip: bool, value: Any) -> str:
    """A text as it is, any other word stripped; numbers and booleans as JSON writes them (1.0 as 1)."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"the {field} is empty")
    if isinstance(value, (list, dict, bytes)):
        raise ValueError(f"the {field} is a {type(value).__name__}, not one value")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() if strip else str(value)


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
