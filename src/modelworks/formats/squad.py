"""SQuAD JSON, versions 1 and 2: questions with their paragraphs, the paragraphs alone, or which question belongs to
which.

What is asked for decides (input → target kind): `pair` → `accepted` reads questions with their context and answers;
`document` reads each paragraph once; `text` → `relevant` reads questions with the id of their paragraph, which is
`<title>#<number from 1>`. An article's title is its group, so that splits keep articles whole; `answerable` says
yes or no."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core import files
from modelworks.core.errors import DataError
from modelworks.kinds import Accepted, Document, Example, Kind, Pair, Reference, Relevant, Text


class _Question(Struct):
    id: str | int
    question: str
    answers: list[Reference] = []
    is_impossible: bool = False


class _Paragraph(Struct):
    context: str
    qas: list[dict[str, Any]] = []


class _Article(Struct):
    paragraphs: list[_Paragraph]
    title: str = ""


class _File(Struct):
    data: list[_Article]
    version: str | float = ""


def sniff(path: Path, head: bytes) -> float:
    return 0.97 if b'"paragraphs"' in head and b'"context"' in head and b'"data"' in head else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    file = _decoded(path)
    for article in file.data:
        for number, paragraph in enumerate(article.paragraphs, 1):
            where = f"{path}: {article.title or 'article'}, paragraph {number}"
            if reading.input == "document":
                name = f"{article.title}#{number}"
                yield Example(name, Document(paragraph.context, article.title), None, _meta(article), "", where)
            else:
                yield from _questions(article, number, paragraph, reading, where)


def _decoded(path: Path) -> _File:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(
            f"not SQuAD's JSON: {error}", where=str(path),
            allowed='{"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers"}]}]}]}',
        ) from error  # fmt: skip
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror}", where=str(path)) from error


def _questions(
    article: _Article, number: int, paragraph: _Paragraph, reading: Reading, where: str
) -> Iterator[Example | Bad]:
    for place, plain in enumerate(paragraph.qas, 1):
        here = f"{where}, question {place} ({plain.get('id', 'without id')})"
        try:
            asked = msgspec.convert(plain, _Question)
            source, target = _kinds(article, number, paragraph, asked, reading)
            source.check()
            if target is not None:
                target.check()
                target.fits(source)
        except (msgspec.ValidationError, ValueError) as error:
            yield Bad(here, str(error), json.dumps(plain, ensure_ascii=False)[:120], "an answer that its context holds")
            continue
        meta = {**_meta(article), "answerable": "no" if asked.is_impossible or not asked.answers else "yes"}
        yield Example(str(asked.id), source, target, meta, "", here)


def _kinds(
    article: _Article, number: int, paragraph: _Paragraph, asked: _Question, reading: Reading
) -> tuple[Kind, Kind | None]:
    if reading.input == "text":
        target = Relevant({f"{article.title}#{number}": 1}) if reading.target == "relevant" else None
        return Text(asked.question), target
    answers = () if asked.is_impossible else tuple(asked.answers)
    return Pair(asked.question, paragraph.context, article.title), Accepted(answers) if reading.target else None


def _meta(article: _Article) -> dict[str, str]:
    return {"group": article.title} if article.title else {}


def write(path: Path, examples: Iterable[Example]) -> None:
    """Pairs with their answers, as version 2. Questions in a row on one context share its paragraph."""
    articles: dict[str, list[dict[str, Any]]] = {}
    for example in examples:
        if not isinstance(example.input, Pair):
            raise DataError("SQuAD holds questions with their contexts", where=example.where, seen=example.input.name)
        paragraphs = articles.setdefault(example.input.title, [])
        if not paragraphs or paragraphs[-1]["context"] != example.input.context:
            paragraphs.append({"context": example.input.context, "qas": []})
        answers = example.target.answers if isinstance(example.target, Accepted) else ()
        paragraphs[-1]["qas"].append({
            "id": example.id, "question": example.input.question, "is_impossible": not answers,
            "answers": [{"text": answer.text, "answer_start": answer.answer_start} for answer in answers],
        })  # fmt: skip
    data = [{"title": title, "paragraphs": paragraphs} for title, paragraphs in articles.items()]
    files.write_bytes(path, json.dumps({"version": "v2.0", "data": data}, ensure_ascii=False).encode())


FORMAT = Format(
    name="squad",
    summary="SQuAD JSON, versions 1 and 2: articles, paragraphs, questions, answers",
    suffixes=(".json",),
    sniff=sniff,
    read=read,
    write=write,
)
