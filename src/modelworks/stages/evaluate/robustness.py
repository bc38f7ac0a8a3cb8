"""Does the answer survive small changes of the input? The paired drop under each of the task's perturbations."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modelworks.contracts.metric import Metric
from modelworks.contracts.perturbation import Perturbation
from modelworks.core import registry
from modelworks.kinds import Example
from modelworks.stages.evaluate.intervals import difference, interval
from modelworks.stages.evaluate.predict import predictions

if TYPE_CHECKING:
    from modelworks.bundle import Predictor

PACKAGE = "modelworks.stages.evaluate.perturbations"
MOST = 500
"""Examples that are perturbed: enough for intervals of a few points, at the cost of a small second evaluation."""


def find(name: str) -> Perturbation:
    """The perturbation of a name."""
    found: Perturbation = registry.leaf(PACKAGE, name, "PERTURBATION")
    return found


def drop(
    name: str,
    predictor: Predictor,
    sample: Sequence[tuple[Example, np.ndarray]],
    metric: Metric,
    confidence: float,
    resamples: int,
) -> dict[str, Any]:
    """Score and paired drop (positive: worse) of the metric on perturbed copies of `sample`: examples with their
    statistics before the change."""
    perturbation = find(name)
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    changed = [_change(perturbation, example, generator) for example, _ in sample]
    labels = predictor.manifest.labels
    answers = predictions(predictor, changed)
    after = [metric.statistics(one.target, answer, labels, one.input) for one, answer in answers if one.target]
    lost = difference(metric, [before for _, before in sample], after, confidence, resamples)
    score = interval(metric, after, confidence, resamples)
    return {
        "perturbation": name, "summary": perturbation.summary, "examples": len(sample),
        "scores": {metric.name: {"value": score.value, "low": score.low, "high": score.high}},
        "drop": {"value": lost.value, "low": lost.low, "high": lost.high},
    }  # fmt: skip


def _change(perturbation: Perturbation, example: Example, generator: np.random.Generator) -> Example:
    given, target = perturbation.apply(example.input, example.target, generator)
    return Example(example.id, given, target, example.meta, example.split, example.where)
