"""Summarization: the sentences that stand for a text, or a text written anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Article, Example, Kind, References, Text, Written
from modelworks.metrics import _rouge
from modelworks.tasks._html import marked


def _classes(labels: Sequence[str]) -> list[str]:
    """None: sentences are weighed against each other."""
    return []


def _program(labels: Sequence[str], body: Body) -> Program:
    limit = Call(op="text.limit.v1", inputs=("raw",), outputs=("text",))
    if body.shape == "seq2seq":
        outputs = {"text": "written", "candidates": "candidates", "alignments": "alignments"}
        return Program(inputs={"raw": "text"}, calls=(limit, *body.calls), outputs=outputs, length=body.length)
    return Program(
        inputs={"raw": "text", "given": "sentences", "wish": "length"},
        calls=(
            limit,
            Call(op="sentences.split.v1", inputs=("text", "given"), outputs=("units",)),
            *body.calls,
            Call(op="sentences.choose.v1", inputs=("text", "units", "logits", "wish"), outputs=("summary", "chosen")),
        ),
        outputs={"text": "summary", "sentences": "chosen"},
        length=body.length,
    )


def _encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """For networks that choose sentences `labels` float32 [S]: the gain of each sentence, that is the mean of its
    ROUGE-1, 2 and L, each against the reference it is highest for. For those that write, `references` as they are."""
    assert isinstance(target, References)
    text = variables["text"]
    if "given" not in variables:  # the program of a network that writes splits no sentences
        return {"references": target.references, "text": text}
    gains = [gain(target.references, text[start:end]) for start, end in variables["units"].tolist()]
    return {"labels": np.array(gains, dtype=np.float32)}


_SCORES = (_rouge.overlap(1), _rouge.overlap(2), _rouge.longest)


def gain(references: Sequence[str], sentence: str) -> float:
    """How much a sentence says of what the references say, 0 to 1."""
    return sum(_rouge.best(score, references, sentence) for score in _SCORES) / len(_SCORES)


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    """The text with the chosen sentences marked, what was written, and the references."""
    assert isinstance(input, Text)
    assert target is None or isinstance(target, References)
    assert prediction is None or isinstance(prediction, Written)
    chosen = prediction.sentences if prediction else ()
    inside = [one for one in chosen if one.end <= len(input.text)]
    parts = [("text", marked(input.text, ((one.start, one.end, f"{one.score:.2f}") for one in inside)))]
    if prediction is not None:
        parts.append(("prediction", escape(prediction.text)))
    if target is not None:
        parts += [("target", escape(reference)) for reference in target.references]
    return "".join(
        f'<div class="example {name}"><small>{name}</small><p dir="auto">{html}</p></div>' for name, html in parts
    )


_EXAMPLES = (
    ("Trees grow slowly.", "*We measured oaks for ten years.", "It rained."),
    ("Trains are late.", "*We show that old rails slow trains down."),
    ("*We present a faster way to sort numbers.", "It was tried."),
    ("Sleep matters.", "*We find that cats sleep more in winter."),
    ("*This paper introduces a new test for eyes.", "Tests take time."),
    ("Bread needs patience.", "*We propose to let dough rise a day."),
    ("*A café in Zürich bakes without sugar.", "Guests came.", "All is well."),
    ("Rain fell all week.", "*The river rose by two metres.", "Shops closed."),
    ("*The river नदी rose by two metres.", "दुकानें बंद रहीं।"),
    ("Glaciers melt.", "Summers are warm.", "*Dust makes snow melt sooner. 😀"),
    ("*We describe a robot that folds shirts.", "It takes two minutes."),
    ("Music helps.", "*People who sing remember more words."),
)


def _example() -> list[Example]:
    examples = []
    for number, parts in enumerate(_EXAMPLES):
        sentences = [part.removeprefix("*") for part in parts]
        best = next(part[1:] for part in parts if part.startswith("*"))
        article = Article.from_fields({"sentences": sentences})
        others = ("Nothing of it is true at all.",) if number % 3 == 0 else ()
        examples.append(Example(id=f"document-{number}", input=article, target=References((best, *others))))
    return examples


TASK = Task(
    name="summarization",
    aliases=("summarisation", "summary", "tldr", "extractive-summarization"),
    summary="Say what a text says in fewer words: by its own sentences, or written anew.",
    input="article",
    target="references",
    prediction="written",
    formats=("jsonl", "csv", "tsv", "parquet", "huggingface"),
    metrics=("rouge_1", "rouge_2", "rouge_l", "rouge_lsum"),
    shape="sentences",
    program=_program,
    classes=_classes,
    encode=_encode,
    render=_render,
    example=_example,
    also=("seq2seq",),
    slices=("length",),
    starter="summarization",
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
)
