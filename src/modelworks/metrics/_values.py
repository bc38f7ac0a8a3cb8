"""What metrics of one room share: reading kinds, safe division, weighted confusions."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from modelworks.kinds import Kind, Label, Labels


def truth(target: Kind) -> str:
    """The label of a target."""
    if not isinstance(target, Label):
        raise TypeError(f"a label is needed as target, not {type(target).__name__}")
    return target.label


def ranked(prediction: Kind) -> Labels:
    """A prediction of labels."""
    if not isinstance(prediction, Labels):
        raise TypeError(f"labels are needed as prediction, not {type(prediction).__name__}")
    return prediction


def best(prediction: Kind) -> str:
    """The best label of a prediction."""
    return ranked(prediction).label


def ratio(above: np.ndarray, below: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """above / below; `empty` where `below` is 0."""
    full = np.full(np.broadcast(above, below).shape, empty, dtype=np.float64)
    np.divide(above, below, out=full, where=below != 0)
    return full


def number(label: str, labels: Sequence[str]) -> int:
    """Position of a label, or for one outside `labels` a number of its own beyond them."""
    return labels.index(label) if label in labels else len(labels) + zlib.crc32(label.encode())


def pair(target: Kind, prediction: Kind, labels: Sequence[str]) -> np.ndarray:
    """Statistics of metrics over confusions: [right class, class predicted]."""
    return np.array([number(truth(target), labels), number(best(prediction), labels)], dtype=np.float64)


def confusions(statistics: Sequence[np.ndarray], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted counts by class [r, C] of `pair` statistics: (right answers, targets, predictions)."""
    pairs = np.stack(statistics)
    classes = np.unique(pairs)
    targets = (pairs[:, :1] == classes).astype(np.float64)
    predictions = (pairs[:, 1:] == classes).astype(np.float64)
    return weights @ (targets * predictions), weights @ targets, weights @ predictions
