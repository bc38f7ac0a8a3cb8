"""TREC: documents (`<doc>`), topics (`<top>`) and judgements (`qrels`: topic, iteration, document, grade).

A file of documents is read as `document`; a file of topics as `text` → `relevant`, with the judgements from the file
beside it whose name holds `qrel`. Where judgements use numbers that topics do not have, but count from 1 to the number
of topics at most, they mean the topics by their place, as in the Cranfield collection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError
from modelworks.formats._text import lines
from modelworks.kinds import Document, Example, Relevant, Text

_ENTITY = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
Judgements = dict[str, dict[str, int]]


def sniff(path: Path, head: bytes) -> float:
    return 0.9 if re.search(rb"<(doc|DOC)>\s*<(docno|DOCNO)>|<top>\s*<num>", head) else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    if reading.input == "document":
        for line, block in _blocks(path, "doc"):
            yield _document(path, line, block)
        return
    topics = list(_blocks(path, "top"))
    if not topics:
        raise DataError("the file holds no topics", where=str(path), allowed="<top> <num> … <title> … </top>")
    judged = _judgements(path) if reading.target == "relevant" else {}
    by_place = bool(judged) and not judged.keys() <= {_field(block, "num") for _, block in topics}
    if by_place and not judged.keys() <= {str(n) for n in range(1, len(topics) + 1)}:
        raise DataError("judgements name topics that are not there", where=str(path), seen=sorted(judged)[:5])
    for place, (line, block) in enumerate(topics, 1):
        yield _topic(path, line, block, str(place) if by_place else "", judged, reading)


def _document(path: Path, line: int, block: str) -> Example | Bad:
    where, name = f"{path}:{line}", _field(block, "docno")
    body = _field(block, "text") or _field(block, "body")
    title = _field(block, "title") or _field(block, "headline")
    if not name:
        return Bad(where, "a document without number", block[:80], "<docno> … </docno>")
    if not (body or title):
        return Bad(where, f"document {name} is empty", block[:80], "<text> … </text>")
    meta = {key: value for key in ("author", "bib") if (value := _field(block, key))}
    return Example(name, Document(body or title, title if body else ""), None, meta, "", where)


def _topic(path: Path, line: int, block: str, place: str, judged: Judgements, reading: Reading) -> Example | Bad:
    where, number, title = f"{path}:{line}", place or _field(block, "num"), _field(block, "title")
    if not number or not title:
        return Bad(where, "a topic without number or title", block[:80], "<num> … <title> …")
    target = Relevant(judged.get(number, {})) if reading.target else None
    return Example(number, Text(title), target, {}, "", where)


def _blocks(path: Path, tag: str) -> Iterator[tuple[int, str]]:
    """(line it begins on, content) of each `<tag> … </tag>`; a DataError for one that is not closed."""
    inside: list[str] = []
    start = 0
    for line, rest in lines(path):
        while rest:
            before, mark, rest = _cut(rest, f"</{tag}>" if start else f"<{tag}>")
            if start:
                inside.append(before)
            if mark and start:
                yield start, "".join(inside)
                inside, start = [], 0
            elif mark:
                start = line
    if start:
        raise DataError(f"<{tag}> is not closed", where=f"{path}:{start}", allowed=f"</{tag}>")


def _cut(text: str, mark: str) -> tuple[str, str, str]:
    at = text.lower().find(mark)
    return (text, "", "") if at < 0 else (text[:at], mark, text[at + len(mark) :])


def _field(block: str, name: str) -> str:
    """The content of a field, closed or, as in old topics, ended by the next; white space made single."""
    found = re.search(rf"<{name}>(.*?)(?:</{name}>|(?=<\w+>)|$)", block, re.DOTALL | re.IGNORECASE)
    if not found:
        return ""
    text = re.sub(r"^\s*Number:", "", found[1]) if name == "num" else found[1]
    for entity, character in _ENTITY.items():
        text = text.replace(entity, character)
    return " ".join(text.split())


def _judgements(path: Path) -> Judgements:
    files = sorted(other for other in path.parent.iterdir() if "qrel" in other.name.lower())
    if len(files) != 1:
        raise DataError(
            "the judgements of these topics are not clear", where=str(path.parent), seen=[one.name for one in files],
            allowed="one file whose name holds `qrel`",
        )  # fmt: skip
    return qrels(files[0])


def qrels(path: Path) -> Judgements:
    """Topic -> document -> grade, from a file of judgements; a DataError with the line of a bad one."""
    judged: Judgements = {}
    for line, text in lines(path):
        cells = text.split()
        if not cells:
            continue
        if len(cells) != 4 or not re.fullmatch(r"-?\d+", cells[3]):
            raise DataError(
                "not a judgement", where=f"{path}:{line}", seen=text.strip(), allowed="topic iteration document grade"
            )
        judged.setdefault(cells[0], {})[cells[2]] = int(cells[3])
    return judged


FORMAT = Format(
    name="trec", summary="TREC documents, topics and judgements", suffixes=(".xml", ".trec"), sniff=sniff, read=read
)
