"""What the metrics of label sets share: which classes are right, which were chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.kinds import Kind, LabelScores, LabelSet


def sets(target: Kind, prediction: Kind) -> tuple[set[str], set[str]]:
    """(classes that apply, classes chosen)."""
    if not isinstance(target, LabelSet):
        raise TypeError(f"a set of labels is needed as target, not {type(target).__name__}")
    if not isinstance(prediction, LabelScores):
        raise TypeError(f"labels with scores are needed as prediction, not {type(prediction).__name__}")
    return set(target.labels()), set(prediction.labels())


def indicators(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """Float64 [3 C + 3]: for each of `labels`, and for all others as one, hits, times right and times chosen."""
    right, chosen = sets(target, prediction)
    rows = [[int(label in group) for group in (right & chosen, right, chosen)] for label in labels]
    known = set(labels)
    rows.append([len(right & chosen - known), len(right - known), len(chosen - known)])
    return np.array(rows, dtype=np.float64).T.ravel()


def totals(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of `indicators` [r, 3 C + 3] -> (hits, right, chosen), each [r, C + 1]."""
    hits, right, chosen = np.split(sums, 3, axis=1)
    return hits, right, chosen
