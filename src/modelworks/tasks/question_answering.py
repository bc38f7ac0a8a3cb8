"""Question answering, the reader: the stretch of a text that answers a question, or that it has no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Accepted, Answers, Example, Kind, Pair, Reference
from modelworks.tasks._html import marked

_FIELDS = ("answer", "score", "start", "end", "answers")


def _program(labels: Sequence[str], body: Body) -> Program:
    return Program(
        inputs={"asked_raw": "question", "given_raw": "context"},
        calls=(
            Call(op="text.limit.v1", inputs=("asked_raw",), outputs=("question",)),
            Call(op="text.limit.v1", inputs=("given_raw",), outputs=("context",)),
            *body.calls,
            Call(op="answers.span.v1", inputs=("logits", "nothing", "units", "context"), outputs=_FIELDS),
        ),
        outputs={name: name for name in _FIELDS},
        length=body.length,
    )


def _encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """Units in which the first accepted answer begins and ends, int64 [2]; -1 twice for a question without answer, or
    one whose answer lies between units."""
    assert isinstance(target, Accepted)
    units, place = variables["units"], (-1, -1)
    if target.answers and len(units):
        start = target.answers[0].answer_start
        first = int(np.argmax(units[:, 1] > start))
        inside = np.flatnonzero(units[:, 0] < start + len(target.answers[0].text))
        last = int(inside[-1]) if len(inside) else -1
        if units[first, 1] > start and first <= last:
            place = (first, last)
    return {"labels": np.array(place, dtype=np.int64)}


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Pair)
    assert target is None or isinstance(target, Accepted)
    assert prediction is None or isinstance(prediction, Answers)
    lines = [f'<p class="question" dir="auto"><b>{escape(input.question)}</b></p>']
    if target is not None:
        lines.append(_shown("target", input.context, [_place(one) for one in target.answers[:1]], target.as_text()))
    if prediction is not None:
        places = [(prediction.start, prediction.end)] if prediction.answer else []
        lines.append(_shown("prediction", input.context, places, f"{prediction.as_text()} ({prediction.score:.3f})"))
    if len(lines) == 1:
        lines.append(_shown("context", input.context, [], ""))
    return "".join(lines)


def _place(answer: Reference) -> tuple[int, int]:
    return answer.answer_start, answer.answer_start + len(answer.text)


def _shown(name: str, context: str, places: Sequence[tuple[int, int]], answer: str) -> str:
    inside = [(start, end, name) for start, end in places if 0 <= start < end <= len(context)]
    said = f": {escape(answer)}" if answer else ""
    body = marked(context, inside)
    return f'<div class="example {name}"><small>{name}{said}</small><p dir="auto">{body}</p></div>'


_CONTEXT = (
    "Ada Lovelace wrote the first program in 1843, for the Analytical Engine of Charles Babbage. The engine was never "
    "built. Babbage was born in London; Lovelace died there in 1852, of cancer. 😀 Ihre Mutter hieß Anne Isabella "
    "Milbanke. 她的父亲是诗人「拜伦」。"
)
_QUESTIONS = (
    ("Who wrote the first program?", "Ada Lovelace"),
    ("When was the first program written?", "1843"),
    ("Whose was the Analytical Engine?", "Charles Babbage"),
    ("What was never built?", "The engine"),
    ("Where was Babbage born?", "London"),
    ("When did Lovelace die?", "1852"),
    ("What did she die of?", "cancer"),
    ("Wie hieß ihre Mutter?", "Anne Isabella Milbanke"),
    ("她的父亲是谁?", "拜伦"),
    ("What is the population of London?", ""),
    ("Who built the first car?", ""),
    ("HOW OLD WAS BABBAGE???", ""),
)


def _example() -> list[Example]:
    return [
        Example(
            id=f"question-{number}", input=Pair(question, _CONTEXT),
            target=Accepted((Reference(answer, _CONTEXT.index(answer)),) if answer else ()),
            meta={"answerable": "yes" if answer else "no"},
        )
        for number, (question, answer) in enumerate(_QUESTIONS)
    ]  # fmt: skip


TASK = Task(
    name="question-answering",
    aliases=("qa", "reading-comprehension", "extractive-question-answering"),
    summary="Find the stretch of a text that answers a question, or say that there is none.",
    input="pair",
    target="accepted",
    prediction="answers",
    formats=("squad", "subjqa", "jsonl", "parquet", "huggingface"),
    metrics=("answer_f1", "exact_match"),
    shape="span",
    program=_program,
    classes=lambda labels: [],
    encode=_encode,
    render=_render,
    example=_example,
    slices=("length", "answerable"),
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
    starter="question-answering",
)
