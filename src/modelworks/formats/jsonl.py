"""JSON Lines: an object a line (or one JSON array of objects).

Spans come as `spans` or `entities`: `[{"start", "end", "label"}]` in code points, or as `tokens` and `ner_tags`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError
from modelworks.formats import _columns, _writing
from modelworks.formats._columns import Table
from modelworks.formats._text import lines
from modelworks.kinds import Example


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    decoder = msgspec.json.Decoder()
    for line, text in lines(path):
        if line == 1 and text.lstrip().startswith("["):
            yield from _array(path)
            return
        if not text.strip():
            continue
        try:
            value = decoder.decode(text)
        except msgspec.DecodeError as error:
            yield line, Bad(f"{path}:{line}", f"not JSON: {error}", text[:100].strip(), "an object a line")
            continue
        yield line, _object(path, line, value)


def _array(path: Path) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    try:
        values = msgspec.json.decode("".join(text for _, text in lines(path)))
    except msgspec.DecodeError as error:
        raise DataError(
            f"not JSON: {error}", where=str(path), allowed="an array of objects, or an object a line"
        ) from error
    for number, value in enumerate(values, 1):
        yield number, _object(path, number, value)


def _object(path: Path, line: int, value: Any) -> dict[str, Any] | Bad:
    if not isinstance(value, dict):
        return Bad(f"{path}:{line}", "not an object", repr(value)[:100], "{…}")
    languages = value.get("translation")
    if isinstance(languages, dict):  # as Hugging Face has pairs: {"translation": {"en": …, "de": …}}
        return {**{name: other for name, other in value.items() if name != "translation"}, **languages}
    return value


def _open(path: Path, reading: Reading) -> Table:
    rows = _rows(path)
    sample = list(islice(rows, _columns.SAMPLE))
    names = list(dict.fromkeys(name for _, row in sample if isinstance(row, dict) for name in row))
    if sample and not names:
        bad = sample[0][1]
        assert isinstance(bad, Bad)
        raise DataError(bad.message, where=bad.where, seen=bad.seen, allowed=bad.allowed)
    return Table(names, chain(sample, rows))


def sniff(path: Path, head: bytes) -> float:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return 0.95
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return 0.6 if start == b"{" or (start == b"[" and path.suffix.lower() == ".json") else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    return _columns.read(path, reading, _open)


def guess(path: Path, reading: Reading) -> dict[str, str]:
    return _columns.guess(path, reading, _open)


FORMAT = Format(
    name="jsonl",
    summary="a JSON object an example",
    suffixes=(".jsonl", ".ndjson", ".json"),
    sniff=sniff,
    read=read,
    guess=guess,
    write=_writing.jsonl,
)
