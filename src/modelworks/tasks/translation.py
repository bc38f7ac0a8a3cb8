"""Translation: a text in one language, said in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Example, Kind, References, Text


def _program(labels: Sequence[str], body: Body) -> Program:
    limit = Call(op="text.limit.v1", inputs=("raw",), outputs=("text",))
    return Program(
        inputs={"raw": "text"}, calls=(limit, *body.calls), length=body.length,
        outputs={"text": "written", "candidates": "candidates", "alignments": "alignments"},
    )  # fmt: skip


def _encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    assert isinstance(target, References)
    return {"references": target.references, "text": variables["text"]}


_EXAMPLES = (
    ("A man reads a book.", "Ein Mann liest ein Buch."),
    ("Two dogs play in the snow.", "Zwei Hunde spielen im Schnee."),
    ("A woman in a red coat", "Eine Frau in einem roten Mantel"),
    ("Children run across a field.", "Kinder laufen über ein Feld."),
    ("The girl sings.", "Das Mädchen singt."),
    ("A boy rides a bicycle.", "Ein Junge fährt Fahrrad."),
    ("Three people sit on a bench.", "Drei Leute sitzen auf einer Bank."),
    ("A cat sleeps on the sofa.", "Eine Katze schläft auf dem Sofa."),
    ("An old man feeds the birds.", "Ein alter Mann füttert die Vögel."),
    ("The child drinks milk.", "Das Kind trinkt Milch."),
    ("A man plays guitar in Berlin.", "Ein Mann spielt Gitarre in Berlin."),
    ("李明 and 3 friends 😀", "李明 und 3 Freunde 😀"),
)


def _example() -> list[Example]:
    return [
        Example(id=f"pair-{n}", input=Text(source), target=References((target,)))
        for n, (source, target) in enumerate(_EXAMPLES)
    ]


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    return ""


TASK = Task(
    name="translation",
    aliases=("machine-translation", "mt", "nmt"),
    summary="Say a text in another language.",
    input="text",
    target="references",
    prediction="written",
    formats=("moses", "tsv", "jsonl", "tmx", "parquet", "huggingface"),
    metrics=("bleu", "bleu_lower", "chrf"),
    shape="seq2seq",
    program=_program,
    classes=lambda labels: [],
    encode=_encode,
    render=_render,
    example=_example,
    slices=("length",),
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
)
