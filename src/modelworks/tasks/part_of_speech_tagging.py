"""Part-of-speech tagging: a tag for each token, given tokens or own ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Example, Kind, Tagged, Tags, Text
from modelworks.ops.spans import first_units
from modelworks.ops.tokens import words_of
from modelworks.tasks._html import colour

IGNORED = -100

Place = tuple[int, int]


def _classes(labels: Sequence[str]) -> list[str]:
    return list(labels)


def _program(labels: Sequence[str], body: Body) -> Program:
    return Program(
        inputs={"raw": "text", "tokens": "tokens"},
        calls=(
            Call(op="text.limit.v1", inputs=("raw",), outputs=("text",)),
            Call(op="tokens.own.v1", inputs=("text", "tokens"), outputs=("given",)),
            *body.calls,
            Call(
                op="tags.choose.v1",
                inputs=("logits", "units", "text", "given"),
                outputs=("tagged",),
                params={"tags": _classes(labels)},
            ),
        ),
        outputs={"tokens": "tagged"},
        length=body.length,
    )


def _encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """The tag of each word at the first of its units; -100 at the other units, and where the words of a text without
    given tokens are none of the target's."""
    assert isinstance(target, Tags)
    numbers = {label: number for number, label in enumerate(labels)}
    known = {place: numbers.get(tag, IGNORED) for place, tag in zip(target.tokens, target.tags, strict=True)}
    words = words_of(variables["text"], variables.get("given", ()))
    tags = np.array([known.get((a, b), IGNORED) for a, b in words.tolist()], dtype=np.int64)
    encoded = np.full(len(variables["units"]), IGNORED, dtype=np.int64)
    spoken, first = first_units(words, variables["units"])
    encoded[first] = tags[spoken]
    return {"labels": encoded}


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    """The tokens with their tags; in the prediction, what differs from the target is marked."""
    assert isinstance(input, Text)
    assert target is None or isinstance(target, Tags)
    assert prediction is None or isinstance(prediction, Tagged)
    truth = dict(zip(target.tokens, target.tags, strict=True)) if target else {}
    found = {(token.start, token.end): token.tag for token in prediction.tokens} if prediction else {}
    rows = [("target", _row(input.text, truth, None))] if target else []
    rows += [("prediction", _row(input.text, found, truth if target else None))] if prediction else []
    return "".join(
        f'<div class="example {name}"><small>{name}</small><p dir="auto">{html}</p></div>'
        for name, html in rows or [("text", escape(input.text))]
    )


def _row(text: str, tags: Mapping[Place, str], truth: Mapping[Place, str] | None) -> str:
    pieces, at = [], 0
    for (start, end), tag in tags.items():
        wrong = truth is not None and truth.get((start, end)) != tag
        style = f"background:{colour(tag)}" + (";outline:2px solid #c2362b" if wrong else "")
        pieces += [
            escape(text[at:start]),
            f'<mark style="{style}" title="{escape(tag)}">{escape(text[start:end])}<sub>{escape(tag)}</sub></mark>',
        ]
        at = end
    return "".join([*pieces, escape(text[at:])])


_EXAMPLES = (
    "Rain/NOUN falls/VERB ./PUNCT",
    "The/DET old/ADJ dog/NOUN saw/VERB her/PRON ./PUNCT",
    "I/PRON do/AUX ~n't/PART know/VERB ./PUNCT",
    "Zoë/PROPN lacht/VERB !/PUNCT",
    "李白/PROPN ~到/VERB ~了/AUX",
    "Stop/VERB",
    "नेहा/PROPN गाती/VERB है/AUX",
    "She/PRON sings/VERB and/CCONJ dances/VERB 😀/SYM",
    "Big/ADJ cats/NOUN sleep/VERB here/ADV",
    "Two/NUM men/NOUN in/ADP London/PROPN ~./PUNCT",
    "can/AUX ~not/PART go/VERB",
    "@anna/X saw/VERB nothing/PRON #boring/X",
)
"""Tokens with blanks between (`~`: none before), a tag behind each."""


def _parse(line: str) -> tuple[Text, Tags]:
    text, tokens, tags = "", [], []
    for near, word, tag in re.findall(r"(~?)(\S+)/(\w+)", line):
        text += "" if near or not text else " "
        tokens.append((len(text), len(text) + len(word)))
        tags.append(tag)
        text += word
    return Text(text, tuple(tokens)), Tags(tuple(tags), tuple(tokens))


def _example() -> list[Example]:
    parsed = [_parse(line) for line in _EXAMPLES]
    return [Example(f"sentence-{n}", text, tags) for n, (text, tags) in enumerate(parsed)]


TASK = Task(
    name="part-of-speech-tagging",
    aliases=("pos", "pos-tagging", "tagging", "part-of-speech"),
    summary="Say for each word of a text what part of speech it is.",
    input="text",
    target="tags",
    prediction="tagged",
    formats=("conllu", "conll", "jsonl", "parquet", "huggingface"),
    metrics=("tag_accuracy", "tag_f1"),
    shape="token",
    program=_program,
    classes=_classes,
    encode=_encode,
    render=_render,
    example=_example,
    slices=("length", "label", "unknown words"),
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
    starter="part-of-speech-tagging",
)
