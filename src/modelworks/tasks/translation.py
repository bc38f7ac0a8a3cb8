"""Translation: a text in one language, said in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Aligned, Example, Kind, References, Text, Written
from modelworks.tasks._html import marked


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
    """Source, reference and translation; words that belong together have one number and colour."""
    assert isinstance(input, Text)
    assert target is None or isinstance(target, References)
    assert prediction is None or isinstance(prediction, Written)
    lines = prediction.alignments if prediction is not None else ()
    numbers = _numbered(lines)
    rows = [("text", marked(input.text, [(start, end, str(n)) for (start, end), n in numbers.items()]))]
    if target is not None:
        rows += [("target", escape(text)) for text in target.references]
    if prediction is not None:
        known = [(one, numbers.get((one.source_start, one.source_end))) for one in lines]
        spans = [(one.start, one.end, str(number)) for one, number in known if number]
        rows.append(("prediction", marked(prediction.text, spans)))
        rows += [
            ("candidate", f"{escape(one.text)} <small>{one.score:.4f}</small>") for one in prediction.candidates[1:]
        ]
    return "".join(
        f'<div class="example {name}"><small>{name}</small><p dir="auto">{html}</p></div>' for name, html in rows
    )


def _numbered(lines: Sequence[Aligned]) -> dict[tuple[int, int], int]:
    """Stretches of the source in order, each with its number from 1; of those that overlap the first."""
    kept: list[tuple[int, int]] = []
    for stretch in sorted({(one.source_start, one.source_end) for one in lines}):
        if not kept or stretch[0] >= kept[-1][1]:
            kept.append(stretch)
    return {stretch: number for number, stretch in enumerate(kept, 1)}


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
    starter="translation",
    perturbations=("typos", "casing", "ocr-noise", "truncation", "unseen-characters"),
)
