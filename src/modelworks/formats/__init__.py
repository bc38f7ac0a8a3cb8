"""Readers and writers of the field's file formats: a leaf each (contracts/format.py), found by name or sniffed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from modelworks.contracts import format as contract
from modelworks.contracts.format import Format
from modelworks.core import registry
from modelworks.core.errors import DataError
from modelworks.formats._splits import file_split
from modelworks.formats._text import opened
from modelworks.kinds import Example

__all__ = ["detect", "file_split", "is_data", "pieces"]

HEAD = 64 * 1024
SURE = 0.3
DATA = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".conll", ".iob", ".iob2", ".bio",
        ".bioes", ".conllu", ".zip")  # fmt: skip
PROSE = ("readme", "license", "licence", "source", "attribution", "notice")


def is_data(name: str) -> bool:
    """Does a file's name end as that of data (packed by gzip or not), and is it no README or licence?"""
    pure = PurePosixPath(name.lower().removesuffix(".gz"))
    return pure.suffix in DATA and not pure.name.startswith((".", *PROSE))


def detect(path: Path, preferred: Sequence[str] = ()) -> Format:
    """The format of a file or folder, by its name and first 64 KiB; `preferred` formats win close calls.

    Raises DataError when no format recognises it."""
    head = b""
    if path.is_file():
        head = _head(path)
        if not head:
            raise DataError("the file is empty", where=str(path))
    names = registry.names(contract.PACKAGE)
    known = [contract.find(name) for name in names]
    usual = {name.replace("_", "-") for name in preferred}
    named = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    scored = [(fmt.sniff(named, head) + (0.05 if fmt.name in usual else 0), fmt.name, fmt) for fmt in known]
    score, _, best = max(scored, key=lambda item: item[:2])
    if score < SURE:
        raise DataError("this is no format that I know", where=str(path), allowed=names, hint="data: {format: NAME}")
    return best


def _head(path: Path) -> bytes:
    try:
        with opened(path) as stream:
            return stream.read(HEAD)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read the file: {error}", where=str(path)) from error


def pieces(path: Path) -> Callable[[Example], bytes] | None:
    """How single answers are written into a file of this name; None for JSON."""
    for name in registry.names(contract.PACKAGE):
        known = contract.find(name)
        if known.piece is not None and path.suffix.lower() in known.suffixes:
            return known.piece
    return None
