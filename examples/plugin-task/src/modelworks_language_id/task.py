"""Language identification: which language is a text in? A whole task in one file, found through an entry point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Example, Kind, Label, Text


def program(labels: Sequence[str], body: Body) -> Program:
    """Raw text -> the family's network -> probabilities -> languages, best first."""
    rank = {"labels": list(labels)}
    return Program(
        inputs={"raw": "text"},
        calls=(
            Call(op="text.limit.v1", inputs=("raw",), outputs=("text",), params={"max_characters": 10_000}),
            *body.calls,
            Call(op="scores.softmax.v1", inputs=("logits",), outputs=("probabilities",)),
            Call(op="labels.rank.v1", inputs=("probabilities",), outputs=("label", "score", "all"), params=rank),
        ),
        outputs={"label": "label", "score": "score", "labels": "all"},
        length=body.length,
    )


def encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """The index of the right language."""
    (label,) = target.labels()
    return {"labels": np.array(list(labels).index(label), dtype=np.int64)}


def render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    """The text, and both languages."""
    told = [f"{name}: {escape(next(iter(k.labels())))}" for name, k in (("is", target), ("said", prediction)) if k]
    return f"<p>{escape(getattr(input, 'text', ''))}</p><p>{' · '.join(told)}</p>"


SENTENCES = {
    "de": ("Wo ist der Bahnhof?", "Das Wetter ist heute schön.", "Ich möchte ein Brot kaufen.", "Guten Morgen!"),
    "en": ("Where is the station?", "The weather is nice today.", "I would like to buy bread.", "Good morning!"),
    "fr": ("Où est la gare ?", "Il fait beau aujourd'hui.", "Je voudrais acheter du pain.", "Bonjour à tous !"),
}


def example() -> list[Example]:
    """A dozen sentences."""
    return [
        Example(id=f"{language}{number}", input=Text(sentence), target=Label(language))
        for language, sentences in SENTENCES.items()
        for number, sentence in enumerate(sentences)
    ]


TASK = Task(
    name="language-identification",
    aliases=("langid",),
    summary="Say which language a text is in.",
    input="text",
    target="label",
    prediction="labels",
    formats=("csv", "tsv", "jsonl"),
    metrics=("accuracy", "macro_f1"),
    shape="sequence",
    program=program,
    classes=list,
    encode=encode,
    render=render,
    example=example,
    perturbations=("typos", "casing"),
)
