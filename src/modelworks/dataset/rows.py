"""Rows of the Lance table, and the only file that speaks to Lance.

| column    | type         |                                                                       |
|-----------|--------------|-----------------------------------------------------------------------|
| `id`      | string       | id of the example                                                     |
| `split`   | string       | `train`, `dev` or `test`                                              |
| input     | string or binary | a kind of one str or bytes field is that column (`text`, `image`); else JSON `input` |
| target    | string, null | likewise (`label`); else JSON in `target`                             |
| `meta`    | string       | JSON                                                                  |
| `where`   | string       | file and line the example came from                                   |
| `content` | binary       | digest of the input, 32 bytes: to compare versions without reading inputs |
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from modelworks.core.errors import DataError, MissingExtra, StoreError
from modelworks.kinds import KINDS, Example, Kind

BATCH_BYTES, BATCH_ROWS = 32 * 2**20, 4096


def lance() -> Any:
    """The Lance package; its log shows errors only, unless LANCE_LOG says otherwise."""
    os.environ.setdefault("LANCE_LOG", "error")
    try:
        import lance as package
    except ImportError as error:
        raise MissingExtra("pylance", "data") from error
    return package


def content(value: Kind) -> bytes:
    """SHA-256 of an input, 32 bytes."""
    return hashlib.sha256(msgspec.msgpack.encode(value)).digest()


def digest(example: Example) -> bytes:
    """SHA-256 of (input, target, split, meta): where and when it was read are not part of it."""
    target = None if example.target is None else msgspec.to_builtins(example.target)
    facts = (content(example.input), target, example.split, sorted(example.meta.items()))
    return hashlib.sha256(msgspec.msgpack.encode(facts)).digest()


def native(kind: str, fallback: str) -> tuple[str, type | None]:
    """(column of a kind, str or bytes when the column holds its only field as it is, None when it holds JSON)."""
    fields = msgspec.structs.fields(KINDS[kind])
    if len(fields) == 1 and fields[0].type in (str, bytes):
        return fields[0].encode_name, fields[0].type
    return fallback, None


def write(path: Path, examples: Iterable[Example], input: str, target: str) -> int:
    """Stream examples into a new table; its Lance version. A StoreError when the disk does not take it."""
    import pyarrow as pa

    schema, raised = _schema(input, target), list[Exception]()
    reader = pa.RecordBatchReader.from_batches(schema, _batches(_keeping(examples, raised), schema, input, target))
    try:
        return int(lance().write_dataset(reader, str(path), schema=schema, mode="create").version)
    except (OSError, ValueError, RuntimeError) as error:
        if raised:  # Lance wraps what the examples raise in an error of its own
            raise raised[0] from None
        hint = "free some disk space and run again: finished steps are kept"
        raise StoreError(f"cannot write the table: {error}", where=str(path), hint=hint) from error


def _keeping(examples: Iterable[Example], raised: list[Exception]) -> Iterator[Example]:
    try:
        yield from examples
    except Exception as error:
        raised.append(error)
        raise


def read(path: Path, input: str, target: str, split: str, batch: int) -> Iterator[Example]:
    """Stream the examples of a split in the order they were written."""
    (source, source_type), (goal, goal_type) = native(input, "input"), native(target, "target")
    columns = ["id", source, goal, "meta", "where"]
    for table in scan(path, columns, split, batch):
        for id_, given, wanted, meta, where in zip(*(table[name].to_pylist() for name in columns), strict=True):
            yield Example(
                id_, value(KINDS[input], source_type, given),
                None if wanted is None else value(KINDS[target], goal_type, wanted),
                msgspec.json.decode(meta) if meta else {}, split, where,
            )  # fmt: skip


def scan(path: Path, columns: list[str], split: str | None = None, batch: int = BATCH_ROWS) -> Iterator[Any]:
    """Record batches of some columns, in order."""
    try:
        table = lance().dataset(str(path))
    except (ValueError, OSError) as error:
        raise DataError(f"cannot open the table: {error}", where=str(path)) from error
    condition = f"split = '{split}'" if split else None
    yield from table.to_batches(
        columns=columns, filter=condition, batch_size=batch, batch_readahead=2, scan_in_order=True
    )


def _schema(input: str, target: str) -> Any:
    import pyarrow as pa

    types: dict[type | None, Any] = {str: pa.string(), bytes: pa.large_binary(), None: pa.string()}
    (source, source_type), (goal, goal_type) = native(input, "input"), native(target, "target")
    text = {name: pa.string() for name in ("id", "split", "meta", "where")}
    columns = {"id": text["id"], "split": text["split"], source: types[source_type], goal: types[goal_type]}
    return pa.schema({**columns, "meta": text["meta"], "where": text["where"], "content": pa.binary(32)}.items())


def _batches(examples: Iterable[Example], schema: Any, input: str, target: str) -> Iterator[Any]:
    import pyarrow as pa

    source, goal = _celler(input, native(input, "input")[1]), _celler(target, native(target, "target")[1])
    for chunk in _chunks(iter(examples)):
        columns: list[list[Any]] = [
            [example.id for example in chunk],
            [example.split for example in chunk],
            [source(example.input) for example in chunk],
            [None if example.target is None else goal(example.target) for example in chunk],
            [msgspec.json.encode(dict(example.meta)).decode() if example.meta else "" for example in chunk],
            [example.where for example in chunk],
            [content(example.input) for example in chunk],
        ]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.record_batch(arrays, schema=schema)


def _chunks(examples: Iterator[Example]) -> Iterator[list[Example]]:
    """Lists of at most BATCH_ROWS examples and about BATCH_BYTES of input."""
    while chunk := list(islice(examples, 1)):
        size = chunk[0].input.size()
        while size < BATCH_BYTES and len(chunk) < BATCH_ROWS and (one := next(examples, None)) is not None:
            chunk.append(one)
            size += one.input.size()
        yield chunk


def _celler(kind: str, native_type: type | None) -> Callable[[Kind], Any]:
    """How a value of a kind becomes a cell."""
    if native_type is None:
        encode = msgspec.json.Encoder().encode
        return lambda value: encode(value).decode()
    return attrgetter(msgspec.structs.fields(KINDS[kind])[0].name)


def value(cls: type[Kind], native_type: type | None, cell: Any) -> Kind:
    """The kind that a cell holds."""
    return msgspec.json.decode(cell, type=cls) if native_type is None else cls(cell)
