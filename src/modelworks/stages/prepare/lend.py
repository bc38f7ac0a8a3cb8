"""Repairs of a cut by hash, so that small data stays usable: who is moved, and it is as few as can be.

`chosen` is the split of each example and is changed in place; `positions` are their numbers u in [0, 1). Examples of
one position (identical inputs, one group, one time) move together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from modelworks.stages.prepare.facts import Fact


def keep_labels(chosen: list[str], positions: Sequence[float], facts: Sequence[Fact]) -> None:
    """A label with no training example gets the one whose u is largest."""
    known = {label for split, fact in zip(chosen, facts, strict=True) if split == "train" for label in fact.labels}
    last: dict[str, float] = defaultdict(float)
    for position, fact in zip(positions, facts, strict=True):
        for label in set(fact.labels) - known:
            last[label] = max(last[label], position)
    for position in last.values():
        _move(position, "train", chosen, positions)


def lend_labels(chosen: list[str], positions: Sequence[float], facts: Sequence[Fact], shares: dict[str, float]) -> None:
    """A label that is missing from a split where at least half an example of it is expected gets one there: the
    training example nearest to it."""
    counts = Counter(label for fact in facts for label in set(fact.labels))
    for split, share in shares.items():
        seen = {label for now, fact in zip(chosen, facts, strict=True) if now == split for label in fact.labels}
        for label in sorted(label for label in counts if counts[label] * share >= 0.5):
            if label in seen:
                continue
            spare = [n for n in _spare(chosen, positions, facts) if label in facts[n].labels]
            if spare:
                nearest = min(spare, key=positions.__getitem__)
                _move(positions[nearest], split, chosen, positions)
                seen.update(facts[nearest].labels)


def fill(chosen: list[str], positions: Sequence[float], facts: Sequence[Fact], shares: dict[str, float]) -> None:
    """A split that is empty gets the example nearest to it that is spare, from training or else from the other."""
    for split in ("train", *(split for split, share in shares.items() if share)):
        if split in chosen:
            continue
        counts = Counter(where for where, _ in {(c, p) for c, p in zip(chosen, positions, strict=True)})
        spare = _spare(chosen, positions, facts) if split != "train" else []
        lent = min((positions[n] for n in spare), default=None)
        if lent is None:
            held = [p for c, p in zip(chosen, positions, strict=True) if c != "train" and counts[c] > 1]
            train = [p for c, p in zip(chosen, positions, strict=True) if c == "train" and counts[c] > 1]
            lent = max(held, default=min(train, default=None))
        if lent is not None:
            _move(lent, split, chosen, positions)


def _spare(chosen: Sequence[str], positions: Sequence[float], facts: Sequence[Fact]) -> list[int]:
    """Training examples without which every label is still in the training split, and the split is not empty."""
    train = [n for n, split in enumerate(chosen) if split == "train"]
    places: dict[str, set[float]] = defaultdict(set)
    for n in train:
        for label in facts[n].labels:
            places[label].add(positions[n])
    if len({positions[n] for n in train}) < 2:
        return []
    return [n for n in train if all(len(places[label]) > 1 for label in facts[n].labels)]


def _move(position: float, split: str, chosen: list[str], positions: Sequence[float]) -> None:
    for number, other in enumerate(positions):
        if other == position:
            chosen[number] = split
