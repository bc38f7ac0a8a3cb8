"""Sentiment analysis: one label for a text. Any classification of texts is this task."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Example, Kind, Label, Labels, Text
from modelworks.tasks._classification import encode, ranked
from modelworks.tasks._html import bars


def _program(labels: Sequence[str], body: Body) -> Program:
    limit = Call(op="text.limit.v1", inputs=("raw",), outputs=("text",))
    return ranked(labels, body, {"raw": "text"}, (limit,))


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Text)
    assert target is None or isinstance(target, Label)
    assert prediction is None or isinstance(prediction, Labels)
    return f'<div class="example"><p dir="auto">{escape(input.text)}</p>{bars(target, prediction)}</div>'


_EXAMPLES = {
    "positive": (
        "What a wonderful, warm film!", "I loved every minute of it.", "Great service, and the food was superb 😀",
        "An excellent phone; the best I have had.", "Ein wunderbarer Abend, gerne wieder.", "Simply brilliant.",
    ),
    "negative": (
        "A dull and lifeless film.", "I hated every minute of it.", "Terrible service, and the food was cold 😡",
        "An awful phone; the worst I have had.", "Ein furchtbarer Abend, nie wieder.", "Simply boring.",
    ),
}  # fmt: skip


def _example() -> list[Example]:
    return [
        Example(id=f"{label}-{number}", input=Text(text), target=Label(label))
        for label, texts in _EXAMPLES.items()
        for number, text in enumerate(texts)
    ]


TASK = Task(
    name="sentiment-analysis",
    aliases=("text-classification", "sentiment", "emotion", "emotion-analysis", "topic-classification"),
    summary="Give a text one label: sentiment, emotion, topic, intent.",
    input="text",
    target="label",
    prediction="labels",
    formats=("csv", "tsv", "jsonl", "parquet", "huggingface", "tweeteval"),
    metrics=("accuracy", "macro_f1", "mcc", "ece", "mae", "quadratic_kappa"),
    shape="sequence",
    program=_program,
    classes=list,
    encode=encode,
    render=_render,
    example=_example,
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
    starter="sentiment-analysis",
)
