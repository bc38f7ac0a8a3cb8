"""Readers and writers of the field's file formats: a leaf each (contracts/format.py), found by name or sniffed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from modelworks.contracts import format as contract
from modelworks.contracts.format import Format
from modelworks.core import registry
from modelworks.core.errors import DataError
from modelworks.formats._splits import file_split

__all__ = ["detect", "file_split", "is_data"]

HEAD = 64 * 1024
SURE = 0.3
DATA = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".conll", ".iob", ".iob2", ".bio",
        ".bioes", ".conllu", ".zip")  # fmt: skip
PROSE = ("readme", "license", "licence", "source", "attribution", "notice")


def is_data(name: str) -> bool:
    """Does a file's name end as that of data, and is it no README or licence?"""
    pure = PurePosixPath(name.lower())
    return pure.suffix in DATA and not pure.name.startswith((".", *PROSE))


def detect(path: Path, preferred: Sequence[str] = ()) -> Format:
    """The format of a file or folder, by its name and first 64 KiB; `preferred` formats win close calls.

    Raises DataError when no format recognises it."""
    head = b""
    if path.is_file():
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        if not head:
            raise DataError("the file is empty", where=str(path))
    names = registry.names(contract.PACKAGE)
    known = [contract.find(name) for name in names]
    usual = {name.replace("_", "-") for name in preferred}
    scored = [(fmt.sniff(path, head) + (0.05 if fmt.name in usual else 0), fmt.name, fmt) for fmt in known]
    score, _, best = max(scored, key=lambda item: item[:2])
    if score < SURE:
        raise DataError("this is no format that I know", where=str(path), allowed=names, hint="data: {format: NAME}")
    return best
