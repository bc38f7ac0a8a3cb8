"""What the metrics of stars and other scales share: labels that are numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from modelworks.kinds import Kind
from modelworks.metrics._values import best, truth

_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?: stars?)?")
FEWEST = 3
"""Steps that make a scale: of two classes accuracy says all."""


def steps(target: Kind, prediction: Kind, labels: Sequence[str]) -> tuple[float, float] | None:
    """(right value, value predicted) of labels as `4` or `4 stars`; None when the labels are no scale."""
    right, given = truth(target), best(prediction)
    if len(labels) < FEWEST or not all(_NUMBER.fullmatch(label) for label in (*labels, right, given)):
        return None
    return _value(right), _value(given)


def _value(label: str) -> float:
    match = _NUMBER.fullmatch(label)
    assert match is not None
    return float(match[1])


def moments(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """Float64 [6]: right t, predicted p, t^2, p^2, t p, 1; zeros when the labels are no scale."""
    found = steps(target, prediction, labels)
    if found is None:
        return np.zeros(6)
    t, p = found
    return np.array([t, p, t * t, p * p, t * p, 1.0])
