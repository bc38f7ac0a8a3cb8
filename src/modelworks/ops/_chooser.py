"""Which token comes next."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from modelworks.kinds import Sampling


class Chooser:
    """Chooses one token after another for one text.

    Args:
        sampling: how.
        read: tokens of the prompt, for the repetition penalty.
        number: of several texts, which; each has a chance of its own.
    """

    def __init__(self, sampling: Sampling, read: Iterable[int], number: int) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng([sampling.seed, number])
        self._seen = set(read) if sampling.repetition_penalty != 1 else set()

    def __call__(self, logits: np.ndarray, allowed: np.ndarray | None = None) -> int:
        """The next token for logits float32 [V]; `allowed` bool [V] leaves out others."""
        given = self._sampling
        if given.repetition_penalty != 1:
            logits = self._penalized(logits)
        if allowed is not None:
            logits = np.where(allowed, logits, -np.inf)
        token = int(logits.argmax()) if given.temperature == 0 else self._drawn(logits)
        if given.repetition_penalty != 1:
            self._seen.add(token)
        return token

    def _penalized(self, logits: np.ndarray) -> np.ndarray:
        seen = np.fromiter(self._seen, np.int64, len(self._seen))
        changed = logits.copy()
        values = changed[seen]
        changed[seen] = np.where(values > 0, values / self._sampling.repetition_penalty,
                                 values * self._sampling.repetition_penalty)  # fmt: skip
        return changed

    def _drawn(self, logits: np.ndarray) -> int:
        given = self._sampling
        ids = None
        if given.top_k and given.top_k < len(logits):
            ids = np.argpartition(logits, -given.top_k)[-given.top_k :]
            logits = logits[ids]
        weights = np.exp((logits - logits.max()) / given.temperature)
        if given.top_p < 1:
            weights = np.where(_nucleus(weights, given.top_p), weights, 0)
        if given.min_p:
            weights = np.where(weights >= given.min_p, weights, 0)  # the likeliest weighs 1
        sums = np.cumsum(weights, dtype=np.float64)
        place = int(np.searchsorted(sums, self._random.random() * sums[-1], side="right"))
        place = min(place, len(sums) - 1)
        return place if ids is None else int(ids[place])


def _nucleus(weights: np.ndarray, share: float) -> np.ndarray:
    """Bool [V]: the fewest likeliest tokens that together have at least `share` of the probability."""
    order = np.argsort(-weights, kind="stable")
    sums = np.cumsum(weights[order], dtype=np.float64)
    count = int(np.searchsorted(sums, share * sums[-1])) + 1
    kept = np.zeros(len(weights), bool)
    kept[order[:count]] = True
    return kept


def log_probability(logits: np.ndarray, token: int) -> float:
    """Natural logarithm of a token's probability under logits [V]."""
    top = logits.max()
    return float(logits[token] - top - np.log(np.exp(logits - top).sum(dtype=np.float64)))


def likeliest(logits: np.ndarray, count: int) -> list[tuple[int, float]]:
    """The `count` likeliest tokens with the logarithms of their probabilities, best first."""
    count = min(count, len(logits))
    ids = np.argpartition(logits, -count)[-count:] if count < len(logits) else np.arange(len(logits))
    base = float(logits.max()) + float(np.log(np.exp(logits - logits.max()).sum(dtype=np.float64)))
    return [(int(i), float(logits[i]) - base) for i in ids[np.argsort(-logits[ids], kind="stable")]]
