"""What perturbations of a text share: carrying the target along, and picking places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.kinds import Edit, Kind


def edited(input: Kind, target: Kind | None, edits: Sequence[Edit]) -> tuple[Kind, Kind | None]:
    """The input after all edits (in order, not overlapping) and the target that lies on the same things; both as they
    were when one of them cannot follow."""
    changed = input.edited(edits)
    moved = target.edited(edits) if target is not None else None
    if changed is None or (moved is None and target is not None):
        return input, target
    return changed, moved


def whole(ends: Sequence[int], target: Kind | None) -> list[int]:
    """Of places in a text those that do not lie inside of something the target speaks of."""
    stretches = target.stretches() if target is not None else ()
    return [end for end in ends if not any(start < end < stop for start, stop in stretches)]


def chosen(count: int, share: float, generator: np.random.Generator) -> list[int]:
    """About `share` of the numbers below `count`, but at least one (when there are any), in order."""
    if not count:
        return []
    size = max(1, int(generator.binomial(count, share)))
    return sorted(int(n) for n in generator.choice(count, size, replace=False))
