"""Named-entity recognition: labelled stretches of a text, exact to the code point."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Entities, Example, Kind, Span, Spans, Text
from modelworks.ops.spans import first_units
from modelworks.ops.tokens import words_of
from modelworks.tasks._html import marked

IGNORED = -100


def _classes(labels: Sequence[str]) -> list[str]:
    """IOB2 tags: `O`, then `B-x`, `I-x` of each label."""
    return ["O", *(f"{part}-{label}" for label in labels for part in "BI")]


def _program(labels: Sequence[str], body: Body) -> Program:
    return Program(
        inputs={"raw": "text", "given": "tokens"},
        calls=(
            Call(op="text.limit.v1", inputs=("raw",), outputs=("text",)),
            *body.calls,
            Call(
                op="spans.bio.v2",
                inputs=("logits", "units", "text", "given"),
                outputs=("entities",),
                params={"tags": _classes(labels)},
            ),
        ),
        outputs={"entities": "entities"},
        length=body.length,
    )


def _encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """The tag of each word at the first of its units, as `spans.bio.v2` reads them; -100 at the other units.

    A word takes part in a span that it overlaps, and in the earlier of two."""
    assert isinstance(target, Spans)
    words = words_of(variables["text"], variables.get("given", ()))
    tags = np.zeros(len(words), dtype=np.int64)
    numbers = {tag: number for number, tag in enumerate(_classes(labels))}
    free = 0
    for span in target.spans:
        start = max(free, int(np.searchsorted(words[:, 1], span.start, side="right")))
        stop = int(np.searchsorted(words[:, 0], span.end, side="left"))
        if start < stop:
            tags[start] = numbers[f"B-{span.label}"]
            tags[start + 1 : stop] = numbers[f"I-{span.label}"]
            free = stop
    encoded = np.full(len(variables["units"]), IGNORED, dtype=np.int64)
    spoken, first = first_units(words, variables["units"])
    encoded[first] = tags[spoken]
    return {"labels": encoded}


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Text)
    assert target is None or isinstance(target, Spans)
    assert prediction is None or isinstance(prediction, Entities)
    rows = []
    if target is not None:
        rows.append(("target", marked(input.text, ((s.start, s.end, s.label) for s in target.spans))))
    if prediction is not None:
        found = ((e.start, e.end, e.entity_group) for e in prediction.entities)
        rows.append(("prediction", marked(input.text, found)))
    lines = rows or [("text", marked(input.text, ()))]
    return "".join(
        f'<div class="example {name}"><small>{name}</small><p dir="auto">{html}</p></div>' for name, html in lines
    )


_EXAMPLES = (
    "[Ada Lovelace:person] lived in [London:location].",
    "Flight 370 left [Kuala Lumpur:location] at night.",
    "[Marie Curie:person] was born in [Warsaw:location]",
    "the train from [Paris:location] to [Lyon:location] is late",
    "@anna saw [Alan Turing:person]'s house in [Manchester:location] 😀",
    "[Grace Hopper:person] wrote to [Alan Turing:person].",
    "nothing to see here, move on #boring",
    "[Zoë Müller:person] moved to [Zürich:location]!",
    "[李白:person] 到了 [长安:location]",
    "[नेहा शर्मा:person] [दिल्ली:location] में रहती है",
    "Rain in [London:location], sun in [Warsaw:location] ☀️",
    "[Ada Lovelace:person] met nobody on Monday",
)


def _parse(marked_up: str) -> tuple[str, tuple[Span, ...]]:
    """`[stretch:label]` marks -> raw text and its spans."""
    text, spans = "", []
    for plain, stretch, label in re.findall(r"([^\[]*)(?:\[([^:\]]+):(\w+)\])?", marked_up):
        text += plain
        if stretch:
            spans.append(Span(len(text), len(text) + len(stretch), label))
            text += stretch
    return text, tuple(spans)


def _example() -> list[Example]:
    parsed = [_parse(line) for line in _EXAMPLES]
    return [
        Example(id=f"sentence-{n}", input=Text(text), target=Spans(spans)) for n, (text, spans) in enumerate(parsed)
    ]


TASK = Task(
    name="named-entity-recognition",
    aliases=("ner", "token-classification", "entity-recognition", "entity-extraction"),
    summary="Find the names in a text: persons, places, products, any stretches with a label.",
    input="text",
    target="spans",
    prediction="entities",
    formats=("conll", "jsonl", "parquet", "huggingface"),
    metrics=("entity_f1", "entity_precision", "entity_recall", "surface_f1"),
    shape="token",
    program=_program,
    classes=_classes,
    encode=_encode,
    render=_render,
    example=_example,
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
    starter="named-entity-recognition",
)
