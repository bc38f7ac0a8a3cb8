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
    order = np.argsort(-probabilities, axis=-1, kind="stable")[:, :top]
    scores = np.take_along_axis(probabilities, order, axis=-1).tolist()
    ranked = [
        tuple(Scored(labels[index], score) for index, score in zip(indices, row, strict=True))
        for indices, row in zip(order.tolist(), scores, strict=True)
    ]
    return [row[0].label for row in ranked], [row[0].score for row in ranked], ranked
