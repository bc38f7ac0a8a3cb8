"""What MLflow imports to open a bundle as a model (`loader_module` of the flavor `python_function`).

Needs neither MLflow nor pandas: a table is whatever has `to_dict("records")`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelworks import kinds
from modelworks.bundle import Predictor
from modelworks.core.errors import RequestError
from modelworks.kinds.base import named


class Model:
    """A bundle behind the interface of MLflow's models."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> list[Any]:
        """Predictions as plain data, one a row: their JSON is that of `modelworks predict`.

        Args:
            model_input: a table, a mapping of columns or one row, or a sequence of rows; a row is a mapping by the
                input's fields, or the first field alone.
            params: not used.

        Raises:
            RequestError: a row is no input of the bundle's kind.
        """
        kind = self.predictor.manifest.input
        inputs = [kinds.decode(kind, row, f"row {number}") for number, row in enumerate(rows(model_input, kind))]
        return [msgspec.to_builtins(answer) for answer in self.predictor.predict(inputs)]


def rows(given: Any, kind: str) -> list[dict[str, Any]]:
    """What MLflow hands over, as rows by field, without empty cells."""
    if hasattr(given, "to_dict") and hasattr(given, "columns"):
        given = given.to_dict("records")
    elif hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        given = [given]
    fields = msgspec.structs.fields(named(kind))
    single = {field.encode_name for field in fields if field.type in _SINGLE}
    first = fields[0].encode_name
    return [_row(row, first) for part in given for row in _spread(part, single)]


_SINGLE = (str, bytes, int, float, bool)


def _spread(given: Any, single: set[str]) -> list[Any]:
    """A mapping of columns as rows. It is one when a field that holds a single value holds a list: MLflow makes one
    row of `{"text": ["…", "…"]}`."""
    if not isinstance(given, Mapping):
        return [given]
    columns = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in given.items()}
    columns = {name: value for name, value in columns.items() if not _empty(value)}
    if not any(isinstance(columns[name], list | tuple) for name in single & columns.keys()):
        return [columns]
    lengths = {name: len(column) if isinstance(column, list | tuple) else 1 for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise RequestError("the columns are not of one length", seen=lengths)
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _row(row: Any, first: str) -> dict[str, Any]:
    if isinstance(row, list | tuple) and len(row) == 1:
        row = row[0]
    fields: Iterable[tuple[str, Any]] = row.items() if isinstance(row, Mapping) else [(first, row)]
    return {name: value for name, value in fields if not _empty(value)}


def _empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _load_pyfunc(path: str) -> Model:
    """Open the bundle in `path`: MLflow's contract with a loader module."""
    return Model(Predictor.open(Path(path)))
