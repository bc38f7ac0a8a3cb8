"""Parquet: a row an example; class names are taken from the metadata that Hugging Face `datasets` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError, MissingExtra
from modelworks.formats import _arrow, _columns
from modelworks.formats._columns import Table
from modelworks.kinds import Example


def _open(path: Path, reading: Reading) -> Table:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("pyarrow", "data") from error
    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DataError(f"not a Parquet file: {error}", where=str(path)) from error
    named = _arrow.class_names(_arrow.features(file.schema_arrow.metadata))
    return Table(file.schema_arrow.names, _arrow.rows(path, file.iter_batches(batch_size=_arrow.ROWS), named))


def sniff(path: Path, head: bytes) -> float:
    return 1.0 if head[:4] == b"PAR1" else 0.6 if path.is_file() and path.suffix.lower() == ".parquet" else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    return _columns.read(path, reading, _open)


def guess(path: Path, reading: Reading) -> dict[str, str]:
    return _columns.guess(path, reading, _open)


FORMAT = Format(
    name="parquet",
    summary="a Parquet file, a row an example",
    suffixes=(".parquet",),
    sniff=sniff,
    read=read,
    guess=guess,
)
