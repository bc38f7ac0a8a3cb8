"""Rows of Arrow record batches (Parquet files, Hugging Face `datasets`), with class numbers turned into names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.format import Bad
from modelworks.core.errors import DataError

ROWS = 1024
"""Rows of one batch."""
Name = Callable[[Any], Any]


def rows(path: Path, batches: Iterable[Any], names: Mapping[str, Name]) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """(row number from 1, row) of record batches; `names` turns values of some columns."""
    number = 0
    for batch in _whole(path, batches):
        for row in batch.to_pylist():
            number += 1
            for column, name in names.items():
                row[column] = name(row[column])
            yield number, row


def _whole(path: Path, batches: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from batches
    except (OSError, ValueError) as error:
        raise DataError(f"the file is damaged: {error}", where=str(path)) from error


def features(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """The Hugging Face features that a schema's metadata describes; empty when it holds none."""
    try:
        found = msgspec.json.decode((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def class_names(described: Mapping[str, Any]) -> dict[str, Name]:
    """Column -> its numbers as names, for columns of type ClassLabel and lists of it."""
    found: dict[str, Name] = {}
    for column, feature in described.items():
        inner = feature.get("feature") if isinstance(feature, dict) else None
        if inner is None and isinstance(feature, list) and len(feature) == 1:
            inner = feature[0]
        if _names(feature):
            found[column] = _namer(_names(feature))
        elif _names(inner):
            found[column] = _each(_namer(_names(inner)))
    return found


def _names(feature: Any) -> list[str]:
    if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
        return list(feature.get("names") or ())
    return []


def _namer(names: list[str]) -> Name:
    def name(value: Any) -> Any:
        """-1 means "no label" in `datasets`."""
        if not isinstance(value, int):
            return value
        return names[value] if 0 <= value < len(names) else None

    return name


def _each(name: Name) -> Name:
    return lambda values: [name(value) for value in values] if isinstance(values, list) else values
