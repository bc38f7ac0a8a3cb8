"""SubjQA's CSV (Bjerva et al. 2020): a question a row, its review, and the stretch of the review that answers.

Each review ends with the mark `ANSWERNOTFOUND`, at which unanswerable questions point; it is taken off. The text of an
answer is read from the review, because the column that holds it is tokenized. The item is the example's group."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.formats._delimited import csv_rows
from modelworks.kinds import Accepted, Example, Pair, Reference

MARK = "ANSWERNOTFOUND"
NEEDED = ("item_id", "question", "review", "human_ans_spans", "human_ans_indices")
_PLACE = re.compile(r"\((\d+), (\d+)\)")


def sniff(path: Path, head: bytes) -> float:
    first = head.split(b"\n", 1)[0]
    return 0.97 if all(name.encode() in first for name in NEEDED) else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    header: list[str] = []
    number = 0
    for _, cells in csv_rows(path):
        if isinstance(cells, Bad):
            yield cells
        elif not header:
            header = cells
        else:
            number += 1
            yield _example(path, number, dict(zip(header, cells, strict=False)), reading)


def _example(path: Path, number: int, row: dict[str, str], reading: Reading) -> Example | Bad:
    where = f"{path}: row {number}"
    if any(name not in row for name in NEEDED):
        return Bad(where, "a column is missing", str(list(row)), ", ".join(NEEDED))
    pair = Pair(row["question"], row["review"].removesuffix(MARK).rstrip())
    answers = _answers(row, pair.context)
    if isinstance(answers, str):
        return Bad(where, answers, row["human_ans_indices"], f"(start, end) in a review of {len(pair.context)}")
    meta = {"group": row["item_id"], "answerable": "yes" if answers else "no"}
    return Example(f"{path.name}:{number}", pair, Accepted(answers) if reading.target else None, meta, "", where)


def _answers(row: dict[str, str], context: str) -> tuple[Reference, ...] | str:
    """The accepted answers, or what is wrong with them."""
    if row["human_ans_spans"] == MARK:
        return ()
    place = _PLACE.fullmatch(row["human_ans_indices"].strip())
    start, end = (int(place[1]), int(place[2])) if place else (0, 0)
    text = context[start:end]
    return (Reference(text, start),) if text.strip() else "the answer lies outside of its review"


FORMAT = Format(
    name="subjqa",
    summary="SubjQA's CSV: subjective questions about reviews",
    suffixes=(".csv",),
    sniff=sniff,
    read=read,
)
