"""CoNLL: a token a line, its tag in one column, an empty line after each sentence (IOB1, IOB2, BIOES, BILOU, or as in
part-of-speech tagging a tag a token, in the last column).

Columns are parted by tabs or white space and may come in any order: the tag column is the last whose values all are
tags, the word column the one with the most distinct values of the rest. A sentence is an example; its raw text is
the `# text =` comment when the tokens align to it, else the tokens joined by spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core import files
from modelworks.core.errors import DataError
from modelworks.formats._conll_writing import piece
from modelworks.formats._text import lines
from modelworks.kinds import Example, Spans, Tags, Text
from modelworks.kinds.chunks import TAG
from modelworks.kinds.tokens import align, join

SAMPLE = 200
NOT_A_WORD = re.compile(r"\d+[-.]\d+")
"""Index of a multi-word range or an empty node in CoNLL-U."""
COMMENT = re.compile(r"# (\w+(?: id)?) ?= ?(.*)")


@dataclass
class _Sentence:
    line: int
    rows: list[list[str]] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)
    document: str = ""


@dataclass(frozen=True)
class _Layout:
    """Numbers of the columns, from 0."""

    width: int
    word: int
    tag: int
    index: int | None = None
    plain: bool = False
    """Are the tags names of their own, and no parts of spans?"""


def _sentences(path: Path) -> Iterator[_Sentence]:
    current, document, count, tabbed = _Sentence(1), "", 0, None
    for number, raw in lines(path):
        text = raw.rstrip("\r\n")
        if not text.strip():
            if current.rows:
                yield current
            current = _Sentence(number + 1, document=document)
        elif text.startswith("-DOCSTART-"):
            count += 1
            document = current.document = f"{path.name}:{count}"
        elif not current.rows and (found := COMMENT.fullmatch(text)):
            current.comments[found[1]] = found[2]
            document = current.document = found[2] if found[1] == "newdoc id" else document
        elif current.rows or not text.startswith("# ") or TAG.fullmatch(text.split()[-1]):
            tabbed = ("\t" in text) if tabbed is None else tabbed
            current.rows.append(text.split("\t") if tabbed else text.split())
            current.line = number if len(current.rows) == 1 else current.line
    if current.rows:
        yield current


def _layout(path: Path, sample: list[_Sentence], reading: Reading) -> _Layout:
    rows = [row for sentence in sample for row in sentence.rows]
    if not rows:
        raise DataError("the file holds no sentences", where=str(path))
    width = max({len(row) for row in rows}, key=[len(row) for row in rows].count)
    columns = list(zip(*(row for row in rows if len(row) == width), strict=True))
    given = {
        name: _given(path, name, column, width) for name, column in reading.columns.items() if name in ("text", "tags")
    }
    plain = reading.target == "tags"
    tags = [width - 1] if plain else [n for n, values in enumerate(columns) if _tagged(values)]
    tags = [given["tags"]] if "tags" in given else tags
    index = next(
        (n for n, values in enumerate(columns) if all(v[:1].isdigit() and v[-1:].isdigit() for v in values)), None
    )
    if not tags or width < 2:
        raise DataError(
            "no column holds tags", where=f"{path}:{sample[0].line}", seen=" ".join(rows[0]),
            allowed="a word and a tag (O, B-LABEL, I-LABEL…) on each line",
        )  # fmt: skip
    others = [n for n in range(width) if n != tags[-1]]
    words = [n for n in others if n != index and not _tagged(columns[n])] or others
    word = given.get("text", max(words, key=lambda n: (len(set(columns[n])), -n)))
    return _Layout(width, word, tags[-1], index if index != word else None, plain)


def _tagged(values: Iterable[str]) -> bool:
    """Tags, but for a few slips, with at least an O or a B- among them."""
    values = list(values)
    good = sum(bool(TAG.fullmatch(value)) for value in values)
    return good >= 0.98 * len(values) and good > 0


def _given(path: Path, name: str, column: str, width: int) -> int:
    if not column.isdigit() or not 1 <= int(column) <= width:
        raise DataError(f"there is no column {column!r} for `{name}`", where=str(path), seen=column,
                        allowed=[str(n) for n in range(1, width + 1)])  # fmt: skip
    return int(column) - 1


def _example(path: Path, sentence: _Sentence, layout: _Layout) -> Example | Bad:
    for line, row in enumerate(sentence.rows, sentence.line):
        if len(row) != layout.width:
            seen = f"{len(row)}: {' '.join(row)[:100]}"
            return Bad(f"{path}:{line}", "wrong number of columns", seen, f"{layout.width} columns")
    rows = [row for row in sentence.rows if layout.index is None or not NOT_A_WORD.fullmatch(row[layout.index])]
    words = [row[layout.word] for row in rows]
    if not any(word.strip() for word in words):
        return Bad(f"{path}:{sentence.line}", "the text is empty", allowed="at least one word")
    text, tokens = join(words)
    if given := sentence.comments.get("text"):
        aligned = align(words, given)
        text, tokens = (given, aligned) if aligned else (text, tokens)
    where = f"{path}:{sentence.line}"
    tags = [row[layout.tag] for row in rows]
    for number, tag in enumerate(tags):
        if not layout.plain and not TAG.fullmatch(tag):
            return Bad(f"{path}:{sentence.line + number}", "not a tag", tag, "O, or B- I- E- S- and a label")
    meta = {"document": sentence.document} if sentence.document else {}
    id_ = sentence.comments.get("sent_id") or f"{path.name}:{sentence.line}"
    if layout.plain:
        return Example(id_, Text(text, tokens), Tags(tuple(tags), tokens), meta, "", where)
    return Example(id_, Text(text), Spans.tagged(tags, tokens), meta, "", where)


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    sentences = _sentences(path)
    sample = list(islice(sentences, SAMPLE))
    layout = _layout(path, sample, reading)
    for sentence in chain(sample, sentences):
        yield _example(path, sentence, layout)


def guess(path: Path, reading: Reading) -> dict[str, str]:
    layout = _layout(path, list(islice(_sentences(path), SAMPLE)), reading)
    return {"text": str(layout.word + 1), "tags": str(layout.tag + 1)}


def sniff(path: Path, head: bytes) -> float:
    if path.suffix.lower() in (".conll", ".iob", ".iob2", ".iob1", ".bio", ".bioes", ".conll2003"):
        return 0.95
    if path.suffix.lower() not in (".txt", ".tsv", ".conllu", ".tab", ".csv"):
        return 0.0
    rows = [line.split() for line in head.decode("utf-8", "replace").splitlines()[:500] if not line.startswith("#")]
    tokens = [row for row in rows if row]
    if len(tokens) == len(rows) or not tokens:
        return 0.0
    tagged = sum(len(row) > 1 and any(TAG.fullmatch(cell) for cell in row) for row in tokens)
    if tagged > 0.9 * len(tokens):
        return 0.93
    same = all(len(row) == len(tokens[0]) for row in tokens) and 2 <= len(tokens[0]) <= 4
    return 0.91 if same and len(rows) > len(tokens) else 0.0


def write(path: Path, examples: Iterable[Example]) -> None:
    """Word and IOB2 tag, tab between; the raw text as comment unless it has line ends. Text without tokens is split
    at white space and at the ends of spans. Splits and metadata are not written: the format has no place for them."""
    files.write_bytes(path, b"".join(map(piece, examples)))


FORMAT = Format(
    name="conll",
    summary="a token a line with its tag (IOB1, IOB2, BIOES, or a tag a token), an empty line after each sentence",
    suffixes=(".conll", ".iob", ".iob2", ".bio", ".bioes"),
    sniff=sniff,
    read=read,
    guess=guess,
    write=write,
    piece=piece,
)
