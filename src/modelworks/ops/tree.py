"""Dependency trees: decoding of arc scores, and the sentences of a document from decoded columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.kinds import Sentence, Token, Word
from modelworks.kinds.tree import LAYERS
from modelworks.ops._arborescence import decode, mst

__all__ = ["decode", "groups", "mst"]


def groups(classes: Sequence[str]) -> dict[str, list[str]]:
    """Classes named `layer=value` by layer, their order kept: `seg`, `upos`, `xpos`, `feats`, `deprel`."""
    found: dict[str, list[str]] = {layer: [] for layer in ("seg", *LAYERS)}
    for name in classes:
        layer, _, value = name.partition("=")
        found[layer].append(value)
    return found


@op("tree.mst.v1")
def trees(tools: Tools, scores: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Heads int64 [n] of each sentence from its arc scores [n+1, n+1] = [dependent, head] (node 0 is the root, row 0
    is not read): the best non-projective tree with exactly one root."""
    return [mst(one) for one in scores]


@op("tree.assemble.v1")
def assemble(
    tools: Tools, texts: Sequence[str], tokens: Sequence[np.ndarray], sentences: Sequence[np.ndarray],
    forms: Sequence[Sequence[str]], lemmas: Sequence[Sequence[str]], upos: Sequence[np.ndarray],
    xpos: Sequence[np.ndarray], feats: Sequence[np.ndarray], heads: Sequence[np.ndarray],
    deprel: Sequence[np.ndarray], *, names: Mapping[str, Sequence[str]],
) -> list[tuple[Sentence, ...]]:  # fmt: skip
    """The sentences of each document. `tokens` int [T, 3]: start, end, number of words; `sentences` int [S]: number of
    tokens; the rest one a word: forms, lemmas, numbers into `names` (layer -> values), heads (0 the root, else 1..n in
    the sentence)."""
    columns = (forms, lemmas, upos, xpos, feats, heads, deprel)
    rows = zip(texts, tokens, sentences, zip(*columns, strict=True), strict=True)
    return [_document(text, units, sizes, words, names) for text, units, sizes, words in rows]


def _document(
    text: str, tokens: np.ndarray, sizes: np.ndarray, columns: Sequence[Sequence[Any]],
    names: Mapping[str, Sequence[str]],
) -> tuple[Sentence, ...]:  # fmt: skip
    words = _words(columns, names)
    made = []
    first, at = 0, 0
    for size in np.asarray(sizes).tolist():
        found, count = [], 0
        for start, end, many in np.asarray(tokens[first : first + size]).tolist():
            inner = tuple(Word(count + n + 1, *words[at + n]) for n in range(many))
            found.append(Token(start, end, text[start:end], inner))
            at, count = at + many, count + many
        made.append(Sentence(found[0].start, found[-1].end, tuple(found)))
        first += size
    return tuple(made)


def _words(columns: Sequence[Sequence[Any]], names: Mapping[str, Sequence[str]]) -> list[tuple[Any, ...]]:
    """(form, head, lemma, upos, xpos, feats, deprel) of each word: the order of Word's fields."""
    forms, lemmas, upos, xpos, feats, heads, deprel = (np.asarray(c).tolist() for c in columns)
    values = [
        [names[layer][number] for number in column]
        for layer, column in zip(LAYERS, (upos, xpos, feats, deprel), strict=True)
    ]
    return list(zip(forms, heads, lemmas, *values, strict=True))
