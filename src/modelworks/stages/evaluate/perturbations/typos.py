"""Typing errors, as fingers make them."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.kinds import Edit, Kind
from modelworks.ops.text import split_words
from modelworks.stages.evaluate.perturbations._edits import chosen, edited

SHARE = 0.15
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {
    letter: row[max(n - 1, 0) : n] + row[n + 1 : n + 2] for row in _ROWS for n, letter in enumerate(row)
}  # fmt: skip


def _apply(input: Kind, target: Kind | None, generator: np.random.Generator) -> tuple[Kind, Kind | None]:
    text = input.prose()
    long = [(a, b) for a, b in split_words(text).tolist() if b - a >= 4 and text[a:b].isalpha()]
    edits = [_typo(text, *long[n], generator) for n in chosen(len(long), SHARE, generator)]
    return edited(input, target, edits)


def _typo(text: str, start: int, end: int, generator: np.random.Generator) -> Edit:
    """Behind the first letter, which people get right: two letters swapped, one left out, doubled or its neighbour."""
    at = int(generator.integers(start + 1, end - 1))
    here, after = text[at], text[at + 1]
    beside = _BESIDE.get(here.lower(), here)
    options = (after + here, after, here + here + after, beside[int(generator.integers(len(beside)))] + after)
    return Edit(at, at + 2, options[int(generator.integers(len(options)))])


PERTURBATION = Perturbation(
    name="typos", summary="a typing error in one of seven longer words", input="text", apply=_apply
)
