"""Front ends of the token family: how texts become units, in production and in training alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelworks.contracts.body import Body
from modelworks.contracts.family import Front, Resource
from modelworks.contracts.program import Call
from modelworks.kinds import Example, Text
from modelworks.ops.text import normal_word
from modelworks.ops.tokens import words_of
from modelworks.stages.learn import base

WORDS = ("words", "grams", "shapes")
"""Graph inputs of the word tagger."""
GRAMS = {"longest": 5, "most": 40}
"""Letters of a word: enough n-grams to hold both ends of nearly every word."""
LEXICON = Resource(name="words", file="resources/words.json", type="json")


def framed(rows: base.Rows, windows: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Rows cut to one window and framed by the special ids, as `graph.windows.v1` does."""
    first, last = (windows[edge][0] if windows.get(edge) else None for edge in ("first", "last"))
    before, after = int(first is not None), int(last is not None)
    room = windows["size"] - before - after
    names = [name for name in windows["feeds"] if name != "input_ids"]
    cut = [{name: row[name][:room] for name in ("ids", "labels", *names)} for row in rows]
    ids = [np.concatenate([[first] * before, row["ids"], [last] * after]).astype(np.int64) for row in cut]
    frame = (before, after)
    return {
        "input_ids": base.pad(ids, windows["pad"][0]),
        **{
            name: base.pad([np.pad(row[name], [frame, *[(0, 0)] * (row[name].ndim - 1)]) for row in cut])
            for name in names
        },
        "attention_mask": base.mask(ids),
        "labels": base.pad([np.pad(row["labels"], [frame], constant_values=base.IGNORED) for row in cut], base.IGNORED),
    }


def subword_body(facts: Mapping[str, Any], window: int, buckets: int = 0) -> Body:
    """Subwords with the shapes of their words, and with the words and their letters where there are `buckets`, read in
    windows."""
    size = min(window, facts["positions"])
    names = (*(("words", "grams") if buckets else ()), "shapes")
    params: dict[str, Any] = {
        "feeds": ["input_ids", *names], "size": size, "stride": size // 2, "mask": "attention_mask",
        "pad": [facts["pad"], *[0] * len(names)],
    }  # fmt: skip
    params |= {edge: [facts[edge], *[0] * len(names)] for edge in ("first", "last") if facts[edge] is not None}
    return Body(
        shape="token",
        before=(
            Call(op="tokens.subwords.v1", inputs=("text", "given"), outputs=("ids", "units"), resources=("tokenizer",)),
            Call(op="tokens.shape.v1", inputs=("text", "given", "units"), outputs=("shapes",)),
            *(_lexicon(buckets) if buckets else ()),
        ),
        after=(
            Call(
                op="graph.windows.v1", inputs=("ids", *names), outputs=("logits",), graphs=("model",), params=params
            ),
        ),
        length="ids",
    )  # fmt: skip


def _lexicon(buckets: int) -> tuple[Call, ...]:
    """The word each subword belongs to, and its letters."""
    return (
        Call(op="tokens.words.v1", inputs=("text", "given"), outputs=("spelled", "places")),
        *_looked_up(buckets, "word_ids", "word_grams"),
        Call(op="tokens.spread.v1", inputs=("word_ids", "places", "units"), outputs=("words",)),
        Call(op="tokens.spread.v1", inputs=("word_grams", "places", "units"), outputs=("grams",)),
    )


def _looked_up(buckets: int, words: str, grams: str) -> tuple[Call, ...]:
    return (
        Call(
            op="text.lookup.v1", inputs=("spelled",), outputs=(words,), params={"vocabulary": "words"},
            resources=("words",),
        ),
        Call(op="text.grams.v1", inputs=("spelled",), outputs=(grams,), params={"buckets": buckets, **GRAMS}),
    )  # fmt: skip


def write_words(examples: Iterable[Example], minimum: int, folder: Path) -> int:
    """Write the vocabulary of words that occur `minimum` times; how many ids there are (0 none, 1 unknown)."""
    counts: Counter[str] = Counter()
    for example in examples:
        assert isinstance(example.input, Text)
        text = example.input.text
        counts.update(normal_word(text[a:b]) for a, b in words_of(text, example.input.tokens).tolist())
    kept = sorted(word for word, count in counts.items() if count >= minimum)
    base.write_json(folder / "resources" / "words.json", {word: i + 2 for i, word in enumerate(kept)})
    return len(kept) + 2


def prepare_words(examples: Iterable[Example], minimum: int, buckets: int, folder: Path) -> Front:
    """The vocabulary and the body that reads words."""
    base.write_json(folder / "network.json", {"kind": "tagger", "words": write_words(examples, minimum, folder)})
    return Front(body=word_body(buckets), resources=(LEXICON,))


def word_body(buckets: int) -> Body:
    """Words as vocabulary ids, hashed letter n-grams and shapes."""
    return Body(
        shape="token",
        before=(
            Call(op="tokens.words.v1", inputs=("text", "given"), outputs=("spelled", "units")),
            *_looked_up(buckets, "words", "grams"),
            Call(op="tokens.shape.v1", inputs=("text", "given", "units"), outputs=("shapes",)),
        ),
        after=(
            Call(
                op="graph.windows.v1", inputs=("words", "grams", "shapes"), outputs=("logits",), graphs=("model",),
                params={
                    "feeds": ["words", "grams", "shapes"], "size": 512, "stride": 384, "mask": "attention_mask",
                },
            ),
        ),
        length="words",
    )  # fmt: skip
