"""Contextual answers: a chat model answers from a collection, with its sources, or says that it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Completion, Continuation, Document, Example, Kind, Message, Prompt, Sampling
from modelworks.tasks._composed import no_encoding, no_program, variable

READ = 3
"""Documents that the model is given."""
INSTRUCTION = (
    "Answer the question with what the sources say, and nothing else. Name the source you used by its number, as [1]. "
    "If the sources do not say it, answer: I don't know."
)
UNKNOWN = "I don't know."


def _join(parts: Sequence[Program]) -> Program:
    """Search for what the user asked last, put what was found before the conversation, let the model go on."""
    finder, chat = parts
    raw, said, wished = (variable(chat.inputs, field) for field in ("text", "messages", "sampling"))
    given, hits = ("asked.text", "asked.messages", "asked.sampling"), finder.outputs["hits"]
    (query,) = finder.inputs
    calls = (
        Call(op="hits.question.v1", inputs=given[:2], outputs=(query,)),
        *finder.calls,
        Call(
            op="hits.messages.v1", inputs=(*given, hits), outputs=(raw, said, wished),
            params={"instruction": INSTRUCTION, "most": READ},
        ),
        *chat.calls,
        Call(
            op="hits.cited.v1", inputs=(chat.outputs["text"], hits), outputs=("text", "sources"),
            params={"unknown": UNKNOWN, "most": READ},
        ),
    )  # fmt: skip
    outputs = {**chat.outputs, "text": "text", "sources": "sources"}
    return Program(inputs=dict(zip(given, ("text", "messages", "sampling"), strict=True)), calls=calls, outputs=outputs)


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Prompt)
    lines = [f'<p dir="auto"><b>{escape(input.as_text())}</b></p>']
    if isinstance(target, Continuation):
        lines.append(f'<div class="target"><small>target</small> {escape(target.text)}</div>')
    if isinstance(prediction, Completion):
        lines.append(f'<p dir="auto">{escape(prediction.text)}</p>')
        for number, hit in enumerate(prediction.sources, 1):
            name = escape(f"[{number}] {hit.id} {hit.title} {hit.score:.4f}")
            lines.append(f'<div class="source"><small>{name}</small><p dir="auto">{escape(hit.text)}</p></div>')
    return "".join(lines)


_DOCUMENTS = {
    "lovelace": ("Ada Lovelace", "Ada Lovelace wrote the first program in 1843, for the Analytical Engine."),
    "rain": ("", "It rains in London on about 110 days of the year."),
}
_ONE_WORD = Sampling(max_tokens=1, temperature=0)


def documents() -> list[Example]:
    """A collection of two."""
    return [Example(id=name, input=Document(text, title)) for name, (title, text) in _DOCUMENTS.items()]


def _example() -> list[Example]:
    asked = (
        Prompt("Who wrote the first program?", sampling=_ONE_WORD),
        Prompt(messages=(Message("user", "How often does it rain in London?"),), sampling=_ONE_WORD),
    )
    return [Example(id=f"question-{number}", input=prompt) for number, prompt in enumerate(asked)]


TASK = Task(
    name="contextual-answers",
    aliases=("retrieval-augmented-generation", "rag"),
    summary="Answer in words of its own from a collection, with sources, or say that it does not know.",
    input="prompt",
    target="continuation",
    prediction="completion",
    formats=("jsonl",),
    metrics=(),
    shape="",
    program=no_program,
    classes=lambda labels: [],
    encode=no_encoding,
    render=_render,
    example=_example,
    slices=("length",),
    parts=("retrieval", "text-generation"),
    join=_join,
    documents=documents,
)
