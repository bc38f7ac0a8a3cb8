"""Surface-form F1 (WNUT 2017, Derczynski et al.): over the unique (surface form, label) pairs of the whole set, so
that an entity mentioned a hundred times counts once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from modelworks.contracts.metric import Metric
from modelworks.kinds import Kind, Text
from modelworks.metrics._spans import defined, f1, found, targets

_TARGET, _PREDICTION = 0.0, 1.0


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """Float64 [m, 2]: a number for each (surface form, label), and whether it is of the target or the prediction."""
    if not isinstance(input, Text):
        raise TypeError("surface_f1 needs the input text: a target's spans do not repeat it")
    right = ((input.text[span.start : span.end], span.label) for span in targets(target).spans)
    given = ((entity.word, entity.entity_group) for entity in found(prediction).entities)
    rows = [*_rows(right, _TARGET), *_rows(given, _PREDICTION)]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _rows(pairs: Iterable[tuple[str, str]], side: float) -> Iterable[tuple[float, float]]:
    return ((_number(surface, label), side) for surface, label in dict.fromkeys(pairs))


def _number(surface: str, label: str) -> float:
    digest = hashlib.blake2b(f"{label}\0{surface}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return float(int.from_bytes(digest, "big") >> 11)  # 53 bits: exact in float64


def _score(statistics: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """A pair is there when an example of positive weight holds it."""
    rows = np.concatenate([np.empty((0, 2)), *statistics])
    example = np.repeat(np.arange(len(statistics)), [len(entry) for entry in statistics])
    pairs, place = np.unique(rows[:, 0], return_inverse=True)
    there = [_there(weights, example[rows[:, 1] == side], place[rows[:, 1] == side], len(pairs)) for side in (0, 1)]
    right, given = there
    score = f1((right & given).sum(axis=1), right.sum(axis=1), given.sum(axis=1))
    return defined(score, weights.sum(axis=1))


def _there(weights: np.ndarray, example: np.ndarray, place: np.ndarray, pairs: int) -> np.ndarray:
    """Bool [r, pairs]: whether any weighted example holds the pair."""
    there = np.zeros((len(weights), pairs), dtype=bool)
    if len(place):
        order = np.argsort(place, kind="stable")
        held, starts = np.unique(place[order], return_index=True)
        there[:, held] = np.logical_or.reduceat(weights[:, example[order]] > 0, starts, axis=1)
    return there


METRIC = Metric(
    name="surface_f1",
    signature="surface_f1|scheme:IOB2|unique:(surface,label)|case:kept|v1",
    higher_is_better=True,
    statistics=_statistics,
    score=_score,
)
