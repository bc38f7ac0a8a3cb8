"""Training rows of token tasks, changed at random: mentions swapped for others of their class, letter case lost.

Works on any row-wise arrays whose first axis is the units, so that subwords and words are served alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_LOWERED = {2: 1, 3: 1, 4: 1, 5: 1}
_RAISED = {1: 3, 2: 3, 5: 3}
"""Shape class (`text.shape.v1`) of a word -> its class when the text is written in small or capital letters."""

Arrays = dict[str, np.ndarray]


class Mentions:
    """The labelled spans of all training rows, by class (Dai and Adel 2020, mention replacement)."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], classes: Sequence[str], names: Sequence[str]) -> None:
        self._names = [*names, "labels"]
        self._inner = {
            begin: classes.index(f"I-{name[2:]}") if f"I-{name[2:]}" in classes else -1
            for begin, name in enumerate(classes)
            if name.startswith("B-")
        }
        self._known: dict[int, list[Arrays]] = {begin: [] for begin in self._inner}
        for row in rows:
            for start, stop in self._spans(row["labels"]):
                piece = {name: np.asarray(row[name][start:stop]) for name in self._names}
                self._known[int(row["labels"][start])].append(piece)

    def swapped(self, row: Mapping[str, Any], share: float, random: np.random.Generator) -> Arrays:
        """The row with each mention replaced, with probability `share`, by another of its class."""
        pieces: list[Mapping[str, Any]] = []
        end = 0
        for start, stop in self._spans(row["labels"]):
            if random.random() < share:
                others = self._known[int(row["labels"][start])]
                pieces += [self._cut(row, end, start), others[random.integers(len(others))]]
                end = stop
        pieces.append(self._cut(row, end, len(row["labels"])))
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in self._names}

    def _cut(self, row: Mapping[str, Any], start: int, stop: int) -> Arrays:
        return {name: row[name][start:stop] for name in self._names}

    def _spans(self, labels: np.ndarray) -> list[tuple[int, int]]:
        """[start, stop) of the mentions; units without a label belong to the word before them."""
        spans = []
        for start in np.flatnonzero(np.isin(labels, list(self._inner))).tolist():
            inside = (self._inner[int(labels[start])], -100)
            stop = start + 1
            while stop < len(labels) and int(labels[stop]) in inside:
                stop += 1
            spans.append((start, stop))
        return spans


def cased(shapes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Shapes int64 [T, 2] of the same text in small (7 of 10 times) or in capital letters."""
    small = random.random() < 0.7
    table, capitals = (_LOWERED, 1) if small else (_RAISED, 4)
    changed = shapes.copy()
    for old, new in table.items():
        changed[shapes[:, 0] == old, 0] = new
    changed[shapes[:, 1] > 0, 1] = capitals
    return changed
