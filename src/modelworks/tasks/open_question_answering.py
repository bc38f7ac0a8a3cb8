"""Questions answered from a collection: the retriever finds documents, the reader finds the answer in them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Accepted, Document, Example, Kind, Reference, Sourced, Text
from modelworks.tasks._composed import no_encoding, no_program, variable
from modelworks.tasks._html import marked

READ = 3
"""Documents that are read for a question."""


def _join(parts: Sequence[Program]) -> Program:
    """The retriever's program, each question beside each document it found, the reader's program on those pairs, and
    its answers put together again by question."""
    finder, reader = parts
    question, context = (variable(reader.inputs, field) for field in ("question", "context"))
    hits, (raw,) = finder.outputs["hits"], finder.inputs
    pairs = Call(op="hits.pairs.v1", inputs=(raw, hits), outputs=(question, context), params={"most": READ})
    found = ("answer", "score", "source", "answers")
    together = Call(
        op="hits.answers.v1", inputs=(reader.outputs["answers"], hits), outputs=found, params={"read_hits": READ}
    )
    return Program(
        inputs=finder.inputs, calls=(*finder.calls, pairs, *reader.calls, together),
        outputs={**{name: name for name in found}, "hits": hits}, length=finder.length,
    )  # fmt: skip


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Text)
    lines = [f'<p class="question" dir="auto"><b>{escape(input.text)}</b></p>']
    if isinstance(target, Accepted):
        lines.append(f'<div class="target"><small>target</small> {escape(target.as_text())}</div>')
    if isinstance(prediction, Sourced):
        lines.append(f"<p>{escape(prediction.as_text())} ({prediction.score:.3f})</p>")
        lines.extend(_source(prediction, number) for number in range(min(len(prediction.hits), READ)))
    return "".join(lines)


def _source(prediction: Sourced, number: int) -> str:
    """A document that was read, with the best answer marked where it stands."""
    hit = prediction.hits[number]
    best = next((one for one in prediction.answers if one.source == hit.id and one.answer), None)
    start, end = (best.start - hit.start, best.end - hit.start) if best else (0, 0)
    inside = [(start, end, "answer")] if 0 <= start < end <= len(hit.text) else []
    name = escape(f"{hit.id} {hit.title}".strip())
    return (
        f'<div class="source"><small>{name} {hit.score:.4f}</small><p dir="auto">{marked(hit.text, inside)}</p></div>'
    )


_DOCUMENTS = {
    "lovelace": ("Ada Lovelace", "Ada Lovelace wrote the first program in 1843, for the Analytical Engine."),
    "babbage": ("Charles Babbage", "Charles Babbage designed the Analytical Engine. It was never built."),
    "hopper": ("Grace Hopper", "Grace Hopper wrote the first compiler. She was born in New York."),
    "rain": ("", "It rains in London on about 110 days of the year."),
}
_QUESTIONS = (
    ("Who wrote the first program?", "lovelace", "Ada Lovelace"),
    ("When was the first program written?", "lovelace", "1843"),
    ("For which machine was the first program written?", "lovelace", "the Analytical Engine"),
    ("Who designed the Analytical Engine?", "babbage", "Charles Babbage"),
    ("Who wrote the first compiler?", "hopper", "Grace Hopper"),
    ("Where was Grace Hopper born?", "hopper", "New York"),
    ("What did Grace Hopper write?", "hopper", "the first compiler"),
    ("Where does it rain on 110 days?", "rain", "London"),
    ("How often does it rain in London?", "rain", "about 110 days of the year"),
    ("What is the price of rice?", "", ""),
)


def documents() -> list[Example]:
    """A collection of four."""
    return [Example(id=name, input=Document(text, title)) for name, (title, text) in _DOCUMENTS.items()]


def _example() -> list[Example]:
    return [
        Example(
            id=f"question-{number}", input=Text(question),
            target=Accepted((Reference(answer, _DOCUMENTS[source][1].index(answer)),) if source else ()),
        )
        for number, (question, source, answer) in enumerate(_QUESTIONS)
    ]  # fmt: skip


TASK = Task(
    name="open-question-answering",
    aliases=("open-domain-question-answering", "odqa"),
    summary="Answer questions from a collection of documents, with sources and scores.",
    input="text",
    target="accepted",
    prediction="sourced",
    formats=("squad", "jsonl"),
    metrics=("answer_f1", "exact_match"),
    shape="",
    program=no_program,
    classes=lambda labels: [],
    encode=no_encoding,
    render=_render,
    example=_example,
    slices=("length",),
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
    parts=("retrieval", "question-answering"),
    join=_join,
    documents=documents,
)
