"""BEIR: `queries.jsonl` ({_id, text}) with the judgements in `qrels/<split>.tsv` beside it; `corpus.jsonl` ({_id,
title, text}) is read as documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError
from modelworks.formats._splits import split_of
from modelworks.formats._text import lines
from modelworks.kinds import Document, Example, Kind, Relevant, Text


def sniff(path: Path, head: bytes) -> float:
    first = head.split(b"\n", 1)[0]
    return 0.97 if path.name in ("queries.jsonl", "corpus.jsonl") and b'"_id"' in first else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    judged = _judgements(path) if reading.target == "relevant" else {}
    for line, text in lines(path):
        where = f"{path}:{line}"
        try:
            row = msgspec.json.decode(text) if text.strip() else None
            if row is not None:
                yield from _examples(row, reading, judged, where)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            yield Bad(where, f"not a line of BEIR: {error}", text.strip()[:100], '{"_id": …, "text": …}')


def _examples(row: dict[str, Any], reading: Reading, judged: dict[str, Any], where: str) -> Iterator[Example]:
    name = str(row["_id"])
    given: Kind = Document(row["text"], row.get("title") or "") if reading.input == "document" else Text(row["text"])
    if reading.target != "relevant":
        yield Example(name, given, None, {}, "", where)
    elif name in judged:  # the queries of all splits lie in one file; those without judgements belong to none
        split, documents = judged[name]
        yield Example(name, given, Relevant(documents), {}, split, where)


def _judgements(path: Path) -> dict[str, Any]:
    """Query -> (split, document -> grade)."""
    files = sorted((path.parent / "qrels").glob("*.tsv"))
    if not files:
        raise DataError(
            "there are no judgements", where=str(path.parent / "qrels"), allowed="train.tsv, dev.tsv, test.tsv"
        )
    judged: dict[str, Any] = {}
    for file in files:
        for line, text in lines(file):
            cells = text.split()
            if line == 1 and cells[:1] == ["query-id"]:
                continue
            if len(cells) != 3 or not cells[2].lstrip("-").isdigit():
                raise DataError(
                    "not a judgement", where=f"{file}:{line}", seen=text.strip(), allowed="query document grade"
                )
            judged.setdefault(cells[0], (split_of(file.stem), {}))[1][cells[1]] = int(cells[2])
    return judged


FORMAT = Format(
    name="beir", summary="BEIR's queries, corpus and judgements", suffixes=(".jsonl",), sniff=sniff, read=read
)
