"""Lines of a UTF-8 text file, with an error that helps when it is not UTF-8."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from modelworks.core.errors import DataError

LONGEST = 64 * 2**20
"""Bytes of one line; beyond it the file is no line-based text."""


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line with its line end) of a UTF-8 file; a byte order mark is dropped.

    Only `\\n` ends a line. Raises DataError at the first byte that is not UTF-8, with the likely encoding."""
    try:
        with opened(path) as stream:
            number = 0
            while raw := stream.readline(LONGEST):
                number += 1
                if number == 1:
                    raw = raw.removeprefix(codecs.BOM_UTF8)
                yield number, _decode(raw, path, number)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"cannot read the file: {getattr(error, 'strerror', None) or error}", where=str(path)
        ) from error


def opened(path: Path) -> BinaryIO:
    """The bytes of a file; those inside of one that gzip packed."""
    return cast(BinaryIO, gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _decode(raw: bytes, path: Path, number: int) -> str:
    if number == 1 and raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise _not_utf8(path, number, raw[:2], "utf-16")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, number, raw[error.start : error.start + 4], encoding(raw)) from None
    if number == 1 and text.count("\0") > len(text) // 4:
        raise _not_utf8(path, number, raw[:4], "utf-16")
    return text


def encoding(raw: bytes) -> str:
    """The likely encoding of bytes that are not UTF-8: utf-16, cp1252 or latin-1."""
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or raw.count(0) > len(raw) // 4:
        return "utf-16"
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _not_utf8(path: Path, number: int, raw: bytes, guess: str) -> DataError:
    return DataError(
        "the file is not UTF-8", where=f"{path}:{number}", seen=f"bytes {raw.hex(' ')}", allowed="UTF-8 text",
        hint=f"it looks like {guess}; convert it: iconv -f {guess} -t utf-8 {path.name} > utf8-{path.name}",
    )  # fmt: skip
