"""Scores of ranked documents (Manning, Raghavan, Schütze 2008, chapter 8), as trec_eval counts them: a document that
was not judged is not relevant; a query without relevant documents has no score and is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Hits, Kind, Relevant
from modelworks.metrics._values import ratio

Score = Callable[[list[int], list[int]], float]
"""(grades of the ranked documents, positive grades of all relevant ones, highest first) -> score of a query."""


def ranking(name: str, signature: str, score: Score) -> Metric:
    """A metric that is the mean over queries."""

    def statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
        if not isinstance(target, Relevant) or not isinstance(prediction, Hits):
            raise TypeError(f"ranked documents are scored, not {type(target).__name__} and {type(prediction).__name__}")
        wanted = sorted((grade for grade in target.documents.values() if grade > 0), reverse=True)
        ranked = [max(target.documents.get(hit.id, 0), 0) for hit in prediction.hits]
        return np.array([score(ranked, wanted), 1.0]) if wanted else np.zeros(2)

    mean = additive(lambda sums: ratio(sums[:, 0], sums[:, 1]))
    return Metric(name=name, signature=signature, higher_is_better=True, statistics=statistics, score=mean)


def recall(ranked: list[int], wanted: list[int], depth: int) -> float:
    """Share of the relevant documents among the first `depth`."""
    return sum(grade > 0 for grade in ranked[:depth]) / len(wanted)


def reciprocal(ranked: list[int], wanted: list[int], depth: int) -> float:
    """1 / rank of the first relevant document; 0 when it is not among the first `depth`."""
    return next((1 / rank for rank, grade in enumerate(ranked[:depth], 1) if grade > 0), 0.0)


def ndcg(ranked: list[int], wanted: list[int], depth: int) -> float:
    """Normalized discounted cumulative gain (Järvelin and Kekäläinen 2002) with the grade itself as gain."""
    return _gain(ranked[:depth]) / _gain(wanted[:depth])


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))
