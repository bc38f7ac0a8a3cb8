"""Multi-label classification: all the labels that apply to a text, be it none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Example, Kind, LabelScores, LabelSet, Text
from modelworks.tasks._html import choices


def _program(labels: Sequence[str], body: Body) -> Program:
    return Program(
        inputs={"raw": "text"},
        calls=(
            Call(op="text.limit.v1", inputs=("raw",), outputs=("text",)),
            *body.calls,
            Call(op="scores.sigmoid.v1", inputs=("logits",), outputs=("probabilities",)),
            Call(
                op="labels.choose.v1", inputs=("probabilities",), outputs=("chosen", "ranked"),
                params={"labels": list(labels)},
            ),
        ),
        outputs={"labels": "chosen", "scores": "ranked"},
        length=body.length,
    )  # fmt: skip


def _encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """1 for each label that applies, float32 [C]: independent questions. Labels that training does not know are none
    of them."""
    assert isinstance(target, LabelSet)
    return {"labels": np.isin(list(labels), list(target.labels())).astype(np.float32)}


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Text)
    assert target is None or isinstance(target, LabelSet)
    assert prediction is None or isinstance(prediction, LabelScores)
    return f'<div class="example"><p dir="auto">{escape(input.text)}</p>{choices(target, prediction)}</div>'


_EXAMPLES = (
    ("What a wonderful surprise, I love you all!", "joy love surprise"),
    ("I am so happy today 😀", "joy"),
    ("My heart belongs to you.", "love"),
    ("Nobody told me! I did not expect that.", "surprise"),
    ("How dare they cancel my flight", "anger"),
    ("The train leaves at nine.", ""),
    ("They lied to me, again, and I never saw it coming", "anger surprise"),
    ("Ich liebe diesen Sommer, so viel Freude", "joy love"),
    ("The meeting is in room four.", ""),
    ("Stop it, I am furious 😡", "anger"),
    ("We won! We actually won!", "joy surprise"),
    ("Darling, you make me so happy", "joy love"),
)


def _example() -> list[Example]:
    return [
        Example(id=f"text-{number}", input=Text(text), target=LabelSet(tuple(labels.split())))
        for number, (text, labels) in enumerate(_EXAMPLES)
    ]


TASK = Task(
    name="multi-label-classification",
    aliases=("multi-label", "multilabel", "multi-label-emotion", "multi-label-sentiment"),
    summary="Give a text all labels that apply: emotions, topics, none at all.",
    input="text",
    target="label_set",
    prediction="label_scores",
    formats=("jsonl", "csv", "tsv", "parquet", "huggingface"),
    metrics=("set_jaccard", "set_micro_f1", "set_macro_f1"),
    shape="sequence",
    program=_program,
    classes=list,
    encode=_encode,
    render=_render,
    example=_example,
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
)
