"""What the entity metrics share: exact matches of (start, end, label)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.kinds import Entities, Kind, Spans
from modelworks.metrics._values import ratio


def targets(target: Kind) -> Spans:
    """A target of spans."""
    if not isinstance(target, Spans):
        raise TypeError(f"spans are needed as target, not {type(target).__name__}")
    return target


def found(prediction: Kind) -> Entities:
    """A prediction of entities."""
    if not isinstance(prediction, Entities):
        raise TypeError(f"entities are needed as prediction, not {type(prediction).__name__}")
    return prediction


def counts(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """[exact matches, spans of the target, entities predicted, 1]. Code points are compared: with valid IOB2 tags
    this is seqeval's `mode="strict", scheme=IOB2`."""
    right = {(span.start, span.end, span.label) for span in targets(target).spans}
    given = {(entity.start, entity.end, entity.entity_group) for entity in found(prediction).entities}
    return np.array([len(right & given), len(right), len(given), 1], dtype=np.float64)


def defined(score: np.ndarray, examples: np.ndarray) -> np.ndarray:
    """NaN where there is no example."""
    return np.where(examples > 0, score, np.nan)


def f1(matches: np.ndarray, right: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall; 0 when there is neither a span nor an entity (seqeval's default)."""
    return ratio(2 * matches, right + given, empty=0.0)
