"""chrF (Popović 2015) over the corpus, as sacreBLEU counts it: n-grams of 1 to 6 characters, recall twice as heavy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind
from modelworks.metrics._bleu import texts
from modelworks.metrics._values import ratio

ORDER = 6
_WEIGHT = 2.0**2


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """Float64 [19]: for each order n-grams written, of the reference, and matches; of the reference that suits best.
    And 1."""
    references, written = texts(target, prediction)
    grams = _ngrams(written)
    counts = np.stack([_counts(grams, _ngrams(reference)) for reference in references])
    return np.append(counts[int(_combine(np.column_stack([counts, np.ones(len(counts))])).argmax())], 1.0)


def _ngrams(text: str) -> list[Counter[str]]:
    """N-grams of each order; white space does not count."""
    line = "".join(text.split())
    return [Counter(line[i : i + n] for i in range(len(line) - n + 1)) for n in range(1, ORDER + 1)]


def _counts(written: Sequence[Counter[str]], reference: Sequence[Counter[str]]) -> np.ndarray:
    rows = [
        (sum(w.values()) if r else 0, sum(r.values()), (w & r).total()) for w, r in zip(written, reference, strict=True)
    ]
    return np.array(rows, dtype=np.float64).ravel()


def _combine(sums: np.ndarray) -> np.ndarray:
    """Sums [r, 19] -> chrF [r], 0 to 100: F of the mean precision and recall over the orders that both sides have."""
    written, reference, matches = (sums[:, k : 3 * ORDER : 3] for k in range(3))
    both = (written > 0) & (reference > 0)
    orders = both.sum(axis=1)
    precision = ratio((ratio(matches, written, empty=0.0) * both).sum(axis=1), orders, empty=0.0)
    recall = ratio((ratio(matches, reference, empty=0.0) * both).sum(axis=1), orders, empty=0.0)
    score = 100 * ratio((1 + _WEIGHT) * precision * recall, _WEIGHT * precision + recall, empty=0.0)
    return np.where(sums[:, -1] > 0, score, np.nan)


METRIC = Metric(
    name="chrf",
    signature="chrf|beta:2|nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|as:sacrebleu-2.6.0|v1",
    higher_is_better=True,
    statistics=_statistics,
    score=additive(_combine),
    ceiling=100.0,
)
