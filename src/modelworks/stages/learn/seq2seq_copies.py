"""Learning to copy: words that stand alike on both sides of a pair (names, numbers) are made unknown on both, so that
the decoder learns to write `<unk>` and to look at what it stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Unit = Sequence[int]
Side = tuple[str, Sequence[Unit]]
"""A text, and the code points of its tokens."""
_WORD = re.compile(r"\w+")


class Stretch(NamedTuple):
    """Tokens [start, end) of a word, and whether white space stands before it."""

    start: int
    end: int
    spaced: bool


class Hidden(NamedTuple):
    """How to make a stretch unknown."""

    stretch: Stretch
    space: int | None
    """The token of a space before a word, where the vocabulary has one."""
    unknown: int

    @property
    def ids(self) -> list[int]:
        """What takes its place: as the tokenizer splits a word that it does not know."""
        return [self.space, self.unknown] if self.stretch.spaced and self.space is not None else [self.unknown]


def alike(source: Side, target: Side) -> list[tuple[Stretch, Stretch]]:
    """Where each word stands that both texts have once; words whose tokens reach into others are left out."""
    there = _once(target[0])
    found = []
    for word, span in _once(source[0]).items():
        if word in there:
            one, other = _stretch(source, *span), _stretch(target, *there[word])
            if one is not None and other is not None:
                found.append((one, other))
    return found


def _once(text: str) -> dict[str, tuple[int, int]]:
    """Words that occur once, without their case."""
    seen: dict[str, list[tuple[int, int]]] = {}
    for match in _WORD.finditer(text):
        seen.setdefault(match[0].casefold(), []).append(match.span())
    return {word: spans[0] for word, spans in seen.items() if len(spans) == 1}


def _stretch(side: Side, start: int, end: int) -> Stretch | None:
    """The tokens that cover exactly [start, end), give or take the white space before it."""
    text, units = side
    inside = [n for n, (a, b) in enumerate(units) if a < b and b > start and a < end]
    if not inside or not start - 1 <= units[inside[0]][0] <= start or units[inside[-1]][1] != end:
        return None
    return Stretch(inside[0], inside[-1] + 1, start == 0 or text[start - 1].isspace())


def hidden(ids: np.ndarray, words: Sequence[Hidden]) -> np.ndarray:
    """Ids int64 [T] in which each of the words is unknown."""
    made = ids.tolist()
    for word in sorted(words, reverse=True):
        made[word.stretch.start : word.stretch.end] = word.ids
    return np.array(made, dtype=np.int64)
