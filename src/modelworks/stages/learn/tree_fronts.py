"""The front end of the tree family: what is read of characters and words, and its vocabularies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts.body import Body
from modelworks.contracts.family import Front, Resource
from modelworks.contracts.program import Call
from modelworks.kinds import Example, Token, Tree
from modelworks.ops._words import normal_word
from modelworks.ops.lemma import script
from modelworks.ops.tokens import SEGMENTS
from modelworks.stages.learn import base

WORDS = ("words", "grams", "shapes")
"""What the parser reads of each word."""
COLUMNS = ("upos", "xpos", "feats", "scripts", "heads", "deprel")
"""What `parse.sentences.v1` leaves."""
SEGMENTED = ("tokens", "offsets", "forms", "whole")
"""What is known of words once the text is cut: `whole` are sentences before the longest are cut."""
SEGMENT_BUCKETS = 8192
"""Rows of the segmenter's table of words."""
_LONGEST = 250
"""Words of the longest sentence; a longer one is cut."""
_WINDOW, _STRIDE = 1024, 896
"""Characters the segmenter reads at once, and between the starts of two such windows."""
_RARE = 2
"""Occurrences a lemma script needs to be learnt."""


def prepare(
    examples: Iterable[Example], options: Any, folder: Path, encoder: Mapping[str, Any] | None = None,
    resources: tuple[Resource, ...] = (),
) -> Front:  # fmt: skip
    """Write the vocabularies of words and lemma scripts, the multiword tokens to look up, and network.json; the body.
    `encoder` are the facts of a pretrained one (`pretrained.prepare`)."""
    spelled, scripts, relations, expansions = _seen(examples)
    kept = sorted(word for word, count in spelled.items() if count >= options.minimum)
    frequent = sorted(name for name, count in scripts.items() if count >= _RARE) or sorted(scripts)
    values = {
        "words": {word: number + 2 for number, word in enumerate(kept)}, "scripts": frequent, "expansions": expansions,
    }  # fmt: skip
    for name, value in values.items():
        base.write_json(folder / "resources" / f"{name}.json", value)
    sizes = {"words": len(kept) + 2, "scripts": len(frequent)}
    base.write_json(folder / "network.json", {"kind": "tree", **(encoder or {}), "sizes": sizes})
    known = sorted(relations)
    root = known.index("root") if "root" in known else None
    made = tuple(Resource(name=name, file=f"resources/{name}.json", type="json") for name in values)
    return Front(body=body(options.buckets, root, encoder), resources=(*made, *resources))


def _seen(
    examples: Iterable[Example],
) -> tuple[Counter[str], Counter[str], set[str], dict[str, list[str]]]:
    """Words and lemma scripts with their counts, relations, and multiword tokens whose words are no pieces of them
    with the words they most often stand for."""
    spelled, scripts = Counter[str](), Counter[str]()
    relations = set[str]()
    looked_up: dict[str, Counter[tuple[str, ...]]] = {}
    for token in _tokens(examples):
        for word in token.words:
            spelled[normal_word(word.form)] += 1
            scripts[script(word.form, word.lemma)] += 1
            relations.add(word.deprel)
        forms = tuple(word.form for word in token.words)
        if len(forms) > 1 and "".join(forms) != token.text:
            looked_up.setdefault(token.text.lower(), Counter())[tuple(form.lower() for form in forms)] += 1
    return spelled, scripts, relations, {text: list(c.most_common(1)[0][0]) for text, c in sorted(looked_up.items())}


def _tokens(examples: Iterable[Example]) -> Iterable[Token]:
    for example in examples:
        assert isinstance(example.target, Tree)
        for sentence in example.target.sentences:
            yield from sentence.tokens


def body(buckets: int, root: int | None, encoder: Mapping[str, Any] | None) -> Body:
    """Characters → segmenter → words → parser, sentence by sentence."""
    return Body(
        shape="tree",
        before=(
            Call(
                op="parse.points.v1", inputs=("text",), outputs=("points", "spans"),
                params={"buckets": SEGMENT_BUCKETS},
            ),
        ),
        after=(*_segmenting(_longest(encoder)), *word_calls(buckets, encoder is not None), *_parsing(root, encoder)),
        length="spans",
    )  # fmt: skip


def _longest(encoder: Mapping[str, Any] | None) -> int:
    """Words of the longest sentence: an encoder must have a position for each."""
    return _LONGEST if encoder is None else min(_LONGEST, encoder["positions"] - 2)


def _segmenting(most: int) -> tuple[Call, ...]:
    windows = {
        "feeds": ["points"], "size": _WINDOW, "stride": _STRIDE, "mask": "attention_mask", "graph": "segmenter",
        "multiple": base.MULTIPLE,
    }  # fmt: skip
    return (
        Call(op="graph.windows.v1", inputs=("points",), outputs=("cuts",), graphs=("segmenter",), params=windows),
        Call(
            op="tokens.segment.v1", inputs=("text", "cuts"), outputs=tuple(f"own_{name}" for name in SEGMENTED),
            params={"expansions": "expansions"}, resources=("expansions",),
        ),
        Call(
            op="tokens.given.v1", inputs=("text", "given", *(f"own_{name}" for name in SEGMENTED)), outputs=SEGMENTED
        ),
        Call(op="parse.limit.v1", inputs=("tokens", "whole"), outputs=("sentences",), params={"most": most}),
    )  # fmt: skip


def word_calls(buckets: int, subwords: bool) -> tuple[Call, ...]:
    """What the parser reads, from `forms`: the same calls prepare training."""
    calls = (
        Call(
            op="text.lookup.v1", inputs=("forms",), outputs=("words",), params={"vocabulary": "words"},
            resources=("words",),
        ),
        Call(op="text.grams.v1", inputs=("forms",), outputs=("grams",), params={"buckets": buckets}),
        Call(op="parse.shapes.v1", inputs=("forms",), outputs=("shapes",)),
    )  # fmt: skip
    if not subwords:
        return calls
    return (*calls, Call(op="parse.subwords.v1", inputs=("forms",), outputs=("subwords",), resources=("tokenizer",)))


def _parsing(root: int | None, encoder: Mapping[str, Any] | None) -> tuple[Call, ...]:
    feeds = [*WORDS, *(["subwords"] if encoder else [])]
    params: dict[str, Any] = {"feeds": feeds, "root": root}
    if encoder:
        frame = {edge: encoder[edge] for edge in ("first", "last", "pad")}
        params["subwords"] = {**frame, "room": encoder["positions"]}
    return (
        Call(
            op="parse.sentences.v1", inputs=("tokens", "sentences", *feeds), outputs=COLUMNS,
            graphs=("parser", "relations"), params=params,
        ),
        Call(op="lemma.edit.v1", inputs=("forms", "scripts"), outputs=("lemmas",), resources=("scripts",)),
    )  # fmt: skip


CLASSES = len(SEGMENTS)
"""Of a character."""
