"""Retrieval: the documents of a collection that answer a query."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Document, Example, Hits, Kind, Relevant, Text
from modelworks.tasks._composed import no_encoding, no_program


def _join(parts: Sequence[Program]) -> Program:
    """The program of an embedding, with its end replaced by the search."""
    (program,) = parts
    *calls, last = program.calls
    (raw,) = program.inputs
    search = Call(
        op="hits.search.v1", inputs=(calls[0].outputs[0], last.inputs[0]), outputs=("hits",), resources=("collection",)
    )
    return Program(inputs={raw: "text"}, calls=(*calls, search), outputs={"hits": "hits"}, length=program.length)


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Text)
    assert target is None or isinstance(target, Relevant)
    lines = [f'<p class="query" dir="auto"><b>{escape(input.text)}</b></p>']
    grades = target.documents if target is not None else {}
    if target is not None:
        lines.append(f'<div class="target"><small>target</small> {escape(target.as_text())}</div>')
    for hit in prediction.hits[:5] if isinstance(prediction, Hits) else ():
        colour = "#7cc47f" if grades.get(hit.id, 0) > 0 else "#b9c3cf"
        name = escape(f"{hit.id} {hit.title}".strip())
        lines.append(
            f'<div class="bar" style="background:linear-gradient(to right,{colour} {hit.score:.1%},transparent 0)">'
            f'{name} {hit.score:.4f}</div><p dir="auto">{escape(hit.text[:300])}</p>'
        )
    return "".join(lines)


_DOCUMENTS = {
    "lovelace": ("Ada Lovelace", "Ada Lovelace wrote the first program in 1843, for the Analytical Engine."),
    "babbage": ("Charles Babbage", "Charles Babbage designed the Analytical Engine. It was never built in his life."),
    "hopper": ("Grace Hopper", "Grace Hopper wrote the first compiler and helped to design COBOL."),
    "turing": ("Alan Turing", "Alan Turing described a universal machine in 1936 and broke ciphers at Bletchley Park."),
    "curie": ("Marie Curie", "Marie Curie was born in Warsaw. She found polonium and radium and won two Nobel prizes."),
    "coffee": ("", "Coffee is brewed from the roasted beans of a plant that grows in the shade of the tropics."),
    "rain": ("", "It rains in London on about 110 days of the year."),
    "zug": ("", "Der Zug von Zürich nach Lyon fährt um acht Uhr ab und braucht fünf Stunden."),
    "libai": ("李白", "李白是唐代的诗人，他写了《静夜思》。"),
    "delhi": ("दिल्ली", "दिल्ली भारत की राजधानी है।"),
}
_QUERIES = (
    ("Who wrote the first program?", "lovelace"),
    ("machine that was never built", "babbage"),
    ("Who wrote the first compiler?", "hopper"),
    ("Who broke ciphers?", "turing"),
    ("Where was Marie Curie born?", "curie"),
    ("how is coffee made", "coffee"),
    ("weather in London", "rain"),
    ("Wann fährt der Zug nach Lyon?", "zug"),
    ("静夜思是谁写的", "libai"),
    ("भारत की राजधानी", "delhi"),
)


def documents() -> list[Example]:
    """A collection of ten."""
    return [Example(id=name, input=Document(text, title)) for name, (title, text) in _DOCUMENTS.items()]


def _example() -> list[Example]:
    return [
        Example(id=f"query-{number}", input=Text(query), target=Relevant({name: 1}))
        for number, (query, name) in enumerate(_QUERIES)
    ]


TASK = Task(
    name="retrieval",
    aliases=("search", "information-retrieval", "document-retrieval"),
    summary="Find the documents of a collection that answer a query, by words and by meaning.",
    input="text",
    target="relevant",
    prediction="hits",
    formats=("trec", "beir", "squad", "jsonl"),
    metrics=("ndcg_10", "recall_1", "recall_5", "recall_10", "mrr_10"),
    shape="",
    program=no_program,
    classes=lambda labels: [],
    encode=no_encoding,
    render=_render,
    example=_example,
    slices=("length",),
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
    parts=("embedding",),
    join=_join,
    documents=documents,
    starter="retrieval",
)
