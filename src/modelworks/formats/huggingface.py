"""A folder that Hugging Face `datasets` wrote with `save_to_disk`: one Dataset, or a DatasetDict with a folder a split.

Read with pyarrow alone; the `datasets` package is not needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError, MissingExtra
from modelworks.formats import _arrow, _columns
from modelworks.formats._columns import Table
from modelworks.formats._splits import split_of
from modelworks.kinds import Example

DICT, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"


def _parts(path: Path) -> list[tuple[str, Path]]:
    """(split or "", folder of one Dataset)."""
    if not (path / DICT).is_file():
        return [("", path)]
    names = _json(path / DICT).get("splits") or []
    return [(split_of(str(name)), _inside(path, str(name))) for name in names]


def _inside(folder: Path, name: str) -> Path:
    """`folder/name`; a DataError when the name is more than a name."""
    if Path(name).name != name or name in ("", ".", ".."):
        raise DataError("not the name of a file in this folder", where=str(folder), seen=name)
    return folder / name


def _json(path: Path) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"cannot read {path.name}: {error}", where=str(path)) from error
    if not isinstance(value, dict):
        raise DataError("not an object", where=str(path))
    return value


def _open(path: Path, reading: Reading) -> Table:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtra("pyarrow", "data") from error
    listed = _json(path / STATE).get("_data_files") or []
    names = [str(item["filename"]) for item in listed if isinstance(item, dict) and "filename" in item]
    files = [_inside(path, name) for name in names] or sorted(path.glob("*.arrow"))
    if not files:
        raise DataError("the folder holds no .arrow files", where=str(path))
    described = _json(path / INFO).get("features") if (path / INFO).is_file() else None
    try:
        schema = _stream(pa, files[0]).schema
    except (OSError, ValueError) as error:
        raise DataError(f"not an Arrow file: {error}", where=str(files[0])) from error
    named = _arrow.class_names(described or _arrow.features(schema.metadata))
    batches = (batch for file in files for batch in _stream(pa, file))
    return Table(schema.names, _arrow.rows(path, batches, {k: v for k, v in named.items() if k in schema.names}))


def _stream(pa: Any, path: Path) -> Any:
    return pa.ipc.open_stream(pa.memory_map(str(path)))


def sniff(path: Path, head: bytes) -> float:
    return 1.0 if (path / DICT).is_file() or ((path / STATE).is_file() and (path / INFO).is_file()) else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    for split, folder in _parts(path):
        for one in _columns.read(folder, reading, _open):
            yield replace(one, split=split) if split and isinstance(one, Example) else one


def guess(path: Path, reading: Reading) -> dict[str, str]:
    return partial(_columns.guess, opener=_open)(_parts(path)[0][1], reading)


FORMAT = Format(
    name="huggingface",
    summary="a folder written by `datasets` with save_to_disk",
    suffixes=(),
    sniff=sniff,
    read=read,
    guess=guess,
)
