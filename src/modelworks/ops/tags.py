"""From token logits to a tag for each token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.kinds import TaggedToken
from modelworks.ops.spans import first_units
from modelworks.ops.tokens import words_of


@op("tags.choose.v1")
def choose(
    tools: Tools, logits: Sequence[np.ndarray], units: Sequence[np.ndarray], texts: Sequence[str],
    given: Sequence[Sequence[tuple[int, int]]], *, tags: Sequence[str],
) -> list[tuple[TaggedToken, ...]]:  # fmt: skip
    """Each given token, or each word of a text without (`tokens.words.v1`), with the best of its C tags and that tag's
    probability, rounded to 4 decimals; from logits [T, C] of the units and their offsets [T, 2].

    A word speaks by the first of its units. One without any (a tokenizer may know nothing of it) says nothing: all tags
    are alike to it."""
    return [
        _tagged(scores, places, text, words_of(text, tokens), tags)
        for scores, places, text, tokens in zip(logits, units, texts, given, strict=True)
    ]


def _tagged(
    logits: np.ndarray, units: np.ndarray, text: str, words: np.ndarray, tags: Sequence[str]
) -> tuple[TaggedToken, ...]:
    scores = np.zeros((len(words), len(tags)))
    spoken, first = first_units(words, units)
    scores[spoken] = np.asarray(logits, dtype=np.float64)[first]
    scores -= scores.max(axis=1, keepdims=True, initial=-np.inf)
    chances = 1 / np.exp(scores).sum(axis=1)  # of the best, whose score is now 0
    rows = zip(words.tolist(), scores.argmax(axis=1).tolist(), chances.tolist(), strict=True)
    return tuple(TaggedToken(text[a:b], tags[best], round(chance, 4), a, b) for (a, b), best, chance in rows)
