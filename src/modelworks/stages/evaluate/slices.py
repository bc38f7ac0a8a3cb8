"""Parts of the test split: given ones (metadata columns, label, length) and found ones that score clearly lower.

Found slices come from a shallow search (after SliceLine, Sagadeeva & Boehm, SIGMOD 2021, at depth two): every given
slice and every pair of two columns is tested against all other examples; p values are corrected by Holm's method over
all candidates, so that in data without a bad slice one is reported in at most one run of twenty.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from modelworks.contracts.metric import Metric
from modelworks.core.errors import ConfigError
from modelworks.stages.evaluate.intervals import pack, point

BINS = 4
VALUES = 20
"""Most values of a column that get a slice of their own."""
FOUND = 5
UNKNOWN = "unknown words"
"""Column that tells examples with a word that the training split lacks from those without, where it is known."""
_GROUPS = 100
_LEAST = 20


@dataclass(frozen=True, slots=True)
class Slice:
    """Examples that share a value; `members` bool [n]."""

    column: str
    value: str
    members: np.ndarray
    p: float | None = None
    """Corrected p value of a found slice."""


@dataclass(slots=True)
class Traits:
    """What slices are made of, collected while the examples stream by."""

    sizes: list[int] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    meta: list[Mapping[str, str]] = field(default_factory=list)

    def add(self, size: int, labels: Iterable[str], meta: Mapping[str, str]) -> None:
        self.sizes.append(size)
        self.labels.append(tuple(sorted(set(labels))))
        self.meta.append(meta)


def given(traits: Traits, usual: Sequence[str], asked: Sequence[str]) -> list[Slice]:
    """The slices of the task's usual columns (those the data has) and of the columns the user asked for."""
    columns = sorted({column for meta in traits.meta for column in meta})
    for column in asked:
        if column not in (*columns, "length", "label"):
            raise ConfigError(
                f"the test split has no column {column!r} to slice by",
                where="evaluate.slices", seen=column, allowed=["length", "label", *columns],
            )  # fmt: skip
    names = dict.fromkeys([*usual, *(["source"] if "source" in columns else []), *asked])
    return [one for name in names for one in _column(name, traits)]


def _column(name: str, traits: Traits) -> list[Slice]:
    n = len(traits.sizes)
    if name in ("length", "size"):
        return _quantiles(name, np.array(traits.sizes, np.float64))
    values = traits.labels if name == "label" else [(meta[name],) if name in meta else () for meta in traits.meta]
    counts: dict[str, int] = {}
    for value in itertools.chain.from_iterable(values):
        counts[value] = counts.get(value, 0) + 1
    if len(counts) > VALUES and name != "label" and (numbers := _numbers(values)) is not None:
        return _quantiles(name, numbers)
    kept = sorted(counts, key=lambda value: (-counts[value], value))[:VALUES]
    slices = [Slice(name, value, np.fromiter((value in one for one in values), bool, n)) for value in kept]
    none = np.fromiter((not one for one in values), bool, n)
    if name == "label" or not counts or not none.any():
        return slices  # without a label there is nothing to score by label
    return [*slices, Slice(name, "(none)", none)]


def _numbers(values: Sequence[tuple[str, ...]]) -> np.ndarray | None:
    """The column as float64 [n] (NaN where missing), or None when a value is no number."""
    try:
        return np.array([float(one[0]) if one else np.nan for one in values])
    except ValueError:
        return None


def _quantiles(name: str, numbers: np.ndarray) -> list[Slice]:
    """Up to four bins of like size; values are named by the smallest and largest number in them."""
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return []
    cuts = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    index = np.where(np.isfinite(numbers), np.searchsorted(cuts, numbers, side="left"), -1)
    slices = []
    for number in range(len(cuts) + 1):
        if (members := index == number).any():
            inside = numbers[members]
            slices.append(Slice(name, f"{inside.min():g}–{inside.max():g}", members))
    return slices if len(slices) > 1 else []


def found(
    slices: Sequence[Slice], metric: Metric, statistics: Sequence[np.ndarray], alpha: float = 0.05
) -> list[Slice]:
    """At most five slices, or pairs of them, that score lower than the rest; worst first."""
    n, statistics = len(statistics), pack(statistics)
    least = max(_LEAST, n // 50)
    tried = [one for one in _candidates(slices) if least <= one.members.sum() <= n - least]
    tests = [(one, *_test(one.members, metric, statistics)) for one in tried]
    kept = [
        (one, score, p) for (one, score, _), p in zip(tests, holm([p for *_, p in tests]), strict=True) if p < alpha
    ]
    worst_first = sorted(kept, key=lambda item: (item[1] * (1 if metric.higher_is_better else -1), item[2]))
    chosen: list[tuple[Slice, float]] = []
    for one, score, p in sorted(worst_first, key=lambda item: item[0].column.count(" × ")):
        if not any(_explains(other, other_score, one, score, metric) for other, other_score in chosen):
            chosen.append((Slice(one.column, one.value, one.members, p), score))
    chosen.sort(key=lambda item: item[1] * (1 if metric.higher_is_better else -1))
    return [one for one, _ in chosen[:FOUND]]


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values (Scandinavian Journal of Statistics, 1979)."""
    adjusted, highest = [1.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, p[index] * (len(p) - rank)))
        adjusted[index] = highest
    return adjusted


def _candidates(slices: Sequence[Slice]) -> list[Slice]:
    pairs = [
        Slice(f"{a.column} × {b.column}", f"{a.value} × {b.value}", a.members & b.members)
        for a, b in itertools.combinations(slices, 2)
        if a.column != b.column
    ]
    return [*slices, *pairs]


def _test(members: np.ndarray, metric: Metric, statistics: Sequence[np.ndarray]) -> tuple[float, float]:
    """(score inside, one-sided p value of "not lower than outside"), from jackknife errors of both parts."""
    parts = [_part(mask, statistics) for mask in (members, ~members)]
    inside, outside = (point(metric, part) for part in parts)
    spread = [_error(metric, part) for part in parts]
    gap = (outside - inside) * (1 if metric.higher_is_better else -1)
    error = math.hypot(*_floored(spread, members, metric))
    if not np.isfinite(gap) or not np.isfinite(error) or gap <= 0:
        return inside, 1.0
    return inside, 1 - NormalDist().cdf(gap / max(error, 1e-12))


def _part(mask: np.ndarray, statistics: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    if isinstance(statistics, np.ndarray):
        return statistics[mask]
    return [statistics[i] for i in np.flatnonzero(mask).tolist()]


def _error(metric: Metric, part: Sequence[np.ndarray]) -> float:
    """Standard error by the jackknife that leaves out one group of a hundred at a time (Shao & Wu, Annals of
    Statistics 1989): as good as the bootstrap here, at a fifth of its cost."""
    n = len(part)
    groups = min(_GROUPS, n)
    left = np.ones((groups, n))
    left[np.arange(n) % groups, np.arange(n)] = 0
    scores = metric.score(part, left)
    return float(np.sqrt((groups - 1) / groups * np.nansum((scores - np.nanmean(scores)) ** 2)))


def _floored(spread: list[float], members: np.ndarray, metric: Metric) -> list[float]:
    """A part whose every example agrees has no spread in resamples; one more example could still differ."""
    sizes = (members.sum(), (~members).sum())
    least = (metric.ceiling - metric.floor if np.isfinite(metric.ceiling - metric.floor) else 0.0) * 0.5
    return [max(one, least / (size + 1)) for one, size in zip(spread, sizes, strict=True)]


def _explains(parent: Slice, parent_score: float, child: Slice, score: float, metric: Metric) -> bool:
    """A found slice that holds (nearly) all of another explains it, unless the other is much worse still."""
    inside = (parent.members & child.members).sum() / max(child.members.sum(), 1)
    worse = (parent_score - score) * (1 if metric.higher_is_better else -1)
    return bool(inside > 0.9 and worse < 0.15 * (metric.ceiling - metric.floor))
