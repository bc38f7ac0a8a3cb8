"""How far are some values from those of a profile? The population stability index (PSI) over cells of the profile.

PSI = sum over cells of (p - q) ln(p / q), where p is a cell's share of the values and q its share in the profile: the
symmetric divergence of Jeffreys. Credit scoring reads 0.1 as a small shift and 0.25 as a large one (N. Siddiqi, Credit
Risk Scorecards, Wiley 2006). Few values give a large PSI without any drift: it is spread like (1/n + 1/m) times
chi-square with one degree of freedom less than there are cells, for n values and m in the profile (B. Yurdakul,
J. Naranjo, Statistical properties of the population stability index, Journal of Risk Model Validation 14(4), 2020).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from modelworks.bundle.profile import Profile

NAMED = 20
"""Most labels that have a cell of their own; the rest share one."""
REST = "(others)"
_EMPTY = 0.5
"""What every cell holds beforehand, so that an empty one does not make PSI infinite."""
_SIGMAS = 3.09
"""Of a normal distribution one value in a thousand lies above."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One feature of a profile as cells."""

    expected: tuple[float, ...]
    """How many values of the profile lie in each cell."""
    cell: Callable[[Any], int]
    names: tuple[str, ...] = ()
    """Of the cells, where they are labels."""


def references(profile: Profile) -> dict[str, Reference]:
    """Feature -> its cells, for those that the profile has values of. A kind without labels has no `items`."""
    labels = sum(profile.labels.values())
    found = {"size": _quantiled(profile.size, profile.examples)}
    if labels:
        found |= {"labels": _named(profile.labels), "items": _quantiled(profile.items, profile.examples)}
    found["score"] = _quantiled(profile.score, max(profile.examples, labels))
    return {name: reference for name, reference in found.items() if sum(reference.expected)}


def psi(expected: Sequence[float], seen: Sequence[float]) -> float:
    """The index of two rows of counts over the same cells."""
    q, p = _shares(expected), _shares(seen)
    return sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))


def noise(expected: Sequence[float], seen: Sequence[float]) -> float:
    """What PSI stays below, but one time in a thousand, where nothing has drifted and values are independent."""
    degrees, n, m = len(expected) - 1, sum(seen), sum(expected)
    if not (degrees and n and m):
        return 0.0
    part = 2 / (9 * degrees)  # the quantile of chi-square by Wilson and Hilferty, 1931
    return degrees * (1 - part + _SIGMAS * math.sqrt(part)) ** 3 * (1 / n + 1 / m)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts) + _EMPTY * len(counts)
    return [(count + _EMPTY) / total for count in counts]


def _quantiled(quantiles: Sequence[float], count: int) -> Reference:
    """Cells between the deciles, one below the least value, one above the greatest; a value that many share has its
    own."""
    if not quantiles:
        return Reference((), lambda value: 0)
    deciles = sorted({quantiles[i] for i in range(0, len(quantiles), 10)})
    many = [value for value in deciles if bisect_right(quantiles, value) - bisect_left(quantiles, value) > 2]
    cuts = _merged(sorted({*deciles, *map(_below, many)} - {_below(quantiles[0])}), quantiles)
    cuts.insert(0, _below(quantiles[0]))
    below = [0, *(bisect_right(quantiles, cut) for cut in cuts), len(quantiles)]
    expected = tuple(count * (b - a) / len(quantiles) for a, b in pairwise(below))
    return Reference(expected, lambda value: bisect_left(cuts, round(value, 6)))


def _merged(cuts: Sequence[float], quantiles: Sequence[float]) -> list[float]:
    """The cuts without those that end a cell of a lone quantile: it may be interpolated between whole numbers."""
    kept: list[float] = []
    start = 0
    for cut in cuts:
        end = bisect_right(quantiles, cut)
        if end - start > 1 or cut == cuts[-1]:
            kept.append(cut)
            start = end
    return kept


def _below(value: float) -> float:
    return math.nextafter(value, -math.inf)


def _named(labels: dict[str, int]) -> Reference:
    """A cell for each of the commonest labels, and one for all others."""
    names = sorted(labels, key=lambda label: (-labels[label], label))[:NAMED]
    places = {name: number for number, name in enumerate(names)}
    expected = [float(labels[name]) for name in names]
    rest = sum(labels.values()) - sum(expected)
    return Reference((*expected, rest), lambda label: places.get(label, len(names)), (*names, REST))
