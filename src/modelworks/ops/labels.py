"""From probabilities to labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.kinds import Scored


@op("labels.rank.v1")
def rank(
    tools: Tools, probabilities: np.ndarray, *, labels: Sequence[str], top: int | None = None
) -> tuple[list[str], list[float], list[tuple[Scored, ...]]]:
    """Probabilities [B, C] -> best label, its score, and all (or the `top`) labels as Scored, best first; equal
    scores in the order of `labels`."""
    order = (-probabilities).argsort(axis=-1, kind="stable")[:, :top].tolist()
    ranked = [
        tuple([Scored(labels[index], row[index]) for index in indices])
        for indices, row in zip(order, probabilities.tolist(), strict=True)
    ]
    return [row[0].label for row in ranked], [row[0].score for row in ranked], ranked


@op("labels.choose.v1")
def choose(
    tools: Tools, probabilities: np.ndarray, *, labels: Sequence[str], thresholds: float | Sequence[float] = 0.5
) -> tuple[list[tuple[str, ...]], list[tuple[Scored, ...]]]:
    """Probabilities [B, C], each by itself -> the labels that reach their threshold (one for all, or C), sorted; and
    all labels as Scored, surest first, equal ones in the order of `labels`."""
    scores = np.asarray(probabilities)
    chosen = (scores >= np.asarray(thresholds)).tolist()
    order = (-scores).argsort(axis=-1, kind="stable").tolist()
    kept = [tuple(sorted(label for label, flag in zip(labels, row, strict=True) if flag)) for row in chosen]
    ranked = [
        tuple([Scored(labels[index], row[index]) for index in indices])
        for indices, row in zip(order, scores.tolist(), strict=True)
    ]
    return kept, ranked
