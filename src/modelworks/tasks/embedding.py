"""Embedding: where a text lies in a space of meanings."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Embedding, Example, Kind, Text
from modelworks.tasks._composed import no_encoding


def _program(labels: Sequence[str], body: Body) -> Program:
    return Program(
        inputs={"raw": "text"},
        calls=(
            Call(op="text.limit.v1", inputs=("raw",), outputs=("text",)),
            *body.calls,
            Call(op="vectors.list.v1", inputs=("vectors",), outputs=("embedding",)),
        ),
        outputs={"embedding": "embedding"},
        length=body.length,
    )


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Text)
    found = prediction.as_text() if isinstance(prediction, Embedding) else ""
    return f'<p dir="auto">{escape(input.text)}</p><p>{escape(found)}</p>'


_TEXTS = (
    "Who wrote the first program?",
    "Ada Lovelace wrote the first program.",
    "It rained in London.",
    "Es regnete in London.",
    "伦敦下雨了",
    "😀",
    "flight 370",
    "A train to Lyon",
    "the price of rice",
    "COFFEE!",
)


def _example() -> list[Example]:
    return [Example(id=f"text-{number}", input=Text(text)) for number, text in enumerate(_TEXTS)]


TASK = Task(
    name="embedding",
    aliases=("feature-extraction", "sentence-similarity"),
    summary="Turn a text into a vector that lies near those of texts that mean the same.",
    input="text",
    target="embedding",
    prediction="embedding",
    formats=("jsonl", "csv", "tsv", "parquet"),
    metrics=(),
    shape="embedding",
    program=_program,
    classes=lambda labels: [],
    encode=no_encoding,
    render=_render,
    example=_example,
    slices=("length",),
    starter="embedding",
)
