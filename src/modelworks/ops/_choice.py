"""Which sentences stand for a text: by relevance, redundancy and length."""

from __future__ import annotations

import math

import numpy as np

from modelworks.kinds import Length
from modelworks.ops._words import spell_words, split_words

Choice = tuple[int, int, float]
"""Start, end, score."""


def choose_sentences(
    text: str, units: np.ndarray, logits: np.ndarray, length: Length, redundancy: float
) -> list[Choice]:
    """As `sentences.choose.v1`, for one text: logits [S], every limit of `length` kept (0: none)."""
    if not len(units):
        return []
    scores = _softmax(logits)
    spelled = [spell_words(text[a:b].lower()) for a, b in units.tolist()]
    sizes = [(len(words), b - a) for words, (a, b) in zip(spelled, units.tolist(), strict=True)]
    taken = _greedy(scores, [set(words) for words in spelled], sizes, length, redundancy)
    if taken:
        return [(int(units[i][0]), int(units[i][1]), round(float(scores[i]), 4)) for i in sorted(taken)]
    best = int(scores.argmax())
    start, end = units[best].tolist()
    cut = _cut(text[start:end], length)
    return [(start, start + cut, round(float(scores[best]), 4))] if cut else []


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(raised / raised.sum())


def _greedy(
    scores: np.ndarray, words: list[set[str]], sizes: list[tuple[int, int]], length: Length, redundancy: float
) -> list[int]:
    relevance = scores / scores.max()
    nearest = np.zeros(len(scores))
    taken: list[int] = []
    left = set(range(len(scores)))
    while left and (not length.sentences or len(taken) < length.sentences):
        fitting = [i for i in left if _fits([*taken, i], sizes, length)]
        if not fitting:
            break
        value = (1 - redundancy) * relevance - redundancy * nearest
        best = max(fitting, key=lambda i: (value[i], -i))
        taken.append(best)
        left.discard(best)
        for i in left:
            nearest[i] = max(nearest[i], _cosine(words[i], words[best]))
    return taken


def _fits(chosen: list[int], sizes: list[tuple[int, int]], length: Length) -> bool:
    words = sum(sizes[i][0] for i in chosen)
    characters = sum(sizes[i][1] for i in chosen) + len(chosen) - 1
    return (not length.words or words <= length.words) and (not length.characters or characters <= length.characters)


def _cosine(first: set[str], second: set[str]) -> float:
    return len(first & second) / math.sqrt(len(first) * len(second)) if first and second else 0.0


def _cut(sentence: str, length: Length) -> int:
    """Characters of a sentence up to the last whole word within the limits."""
    ends = split_words(sentence)[:, 1]
    if length.words:
        ends = ends[: length.words]
    if length.characters:
        ends = ends[ends <= length.characters]
    return int(ends[-1]) if len(ends) else 0
