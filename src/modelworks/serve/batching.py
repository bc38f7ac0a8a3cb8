"""Which of the inputs that wait run together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypeVar


class Waiting(Protocol):
    """An input that waits."""

    length: int


Item = TypeVar("Item", bound=Waiting)


def choose(waiting: Sequence[Item], most: int, curve: Sequence[float], budget: int) -> list[Item]:
    """Of windows of `most`, half as many, and so on, the one that costs least for the length it answers: company
    makes a row cheaper by the measured curve, and dearer by the padding to the longest, which is no more than
    `budget` in all. `waiting`: oldest first."""
    if len(waiting) <= 1 or most <= 1 or not waiting[0].length:
        return list(waiting[:most])
    order = sorted(range(len(waiting)), key=lambda i: waiting[i].length)
    best, least, size = list(waiting[:1]), math.inf, min(most, len(waiting))
    while size:
        batch = window(waiting, order, size)
        lengths = [item.length for item in batch]
        padded = size * max(lengths)
        cost = padded / sum(lengths) * relative_cost(curve, size)
        if cost < least and (padded <= budget or size == 1):
            best, least = batch, cost
        size //= 2
    return best


def relative_cost(curve: Sequence[float], size: int) -> float:
    """The curve at a size: that of the largest measured batch within it."""
    return curve[min(size.bit_length(), len(curve)) - 1] if curve else 1.0 / size


def window(waiting: Sequence[Item], order: Sequence[int], size: int) -> list[Item]:
    """`size` of the waiting items (oldest first) with the smallest spread of lengths, the oldest among them; `order`
    are their positions by length."""
    at = order.index(0)
    starts = range(min(at, len(order) - size), max(-1, at - size), -1)
    best = min(starts, key=lambda s: waiting[order[s + size - 1]].length - waiting[order[s]].length)
    return [waiting[i] for i in sorted(order[best : best + size])]
