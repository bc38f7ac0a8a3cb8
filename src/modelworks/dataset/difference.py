"""What changed between two versions of a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.dataset import rows
from modelworks.dataset.dataset import TABLE, Dataset
from modelworks.kinds import KINDS

SHOWN = 20


class Change(Struct, frozen=True, kw_only=True):
    """An example whose target differs; targets as plain data."""

    where: str
    old: Any
    new: Any


class Difference(Struct, frozen=True, kw_only=True):
    """From an old version to a new one; examples are the same when their inputs are."""

    old: str
    new: str
    """Dataset ids."""
    added: int
    removed: int
    relabelled: int
    moved: int
    """Examples that are in another split."""
    splits: dict[str, tuple[int, int]]
    """Split -> (old, new) number of examples."""
    labels: dict[str, tuple[int, int]]
    """Label -> (old, new) number of occurrences, all splits."""
    added_where: tuple[str, ...] = ()
    removed_where: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    """The first few of each."""


def diff(old: Dataset, new: Dataset) -> Difference:
    """Compare two datasets by the digests of their inputs; inputs themselves are not read."""
    before, after = _Side(old), _Side(new)
    added = _beyond(after, before)
    removed = _beyond(before, after)
    both = [key for key in before.found if key in after.found]
    changed = [key for key in both if set(before.targets(key)) != set(after.targets(key))]
    moved = sum(before.splits(key) != after.splits(key) for key in both)
    names = sorted({*before.labels, *after.labels})
    sizes = {name: (old.splits.get(name, 0), new.splits.get(name, 0)) for name in sorted({*old.splits, *new.splits})}
    return Difference(
        old=old.id, new=new.id, added=len(added), removed=len(removed), relabelled=len(changed), moved=moved,
        splits=sizes,
        labels={name: (before.labels[name], after.labels[name]) for name in names},
        added_where=tuple(added[:SHOWN]), removed_where=tuple(removed[:SHOWN]),
        changes=tuple(_change(before, after, key) for key in changed[:SHOWN]),
    )  # fmt: skip


class _Side:
    """One dataset as {input digest: [(split, target cell, where)]}."""

    def __init__(self, dataset: Dataset) -> None:
        goal, goal_type = rows.native(dataset.target, "target")
        self._cls, self._type = KINDS[dataset.target], goal_type
        self.found: dict[bytes, list[tuple[str, str | None, str]]] = {}
        self.labels: Counter[str] = Counter()
        columns = ["content", "split", goal, "where"]
        for batch in rows.scan(dataset.folder / TABLE, columns):
            self._enter(zip(*(batch[name].to_pylist() for name in columns), strict=True))

    def _enter(self, cells: Iterable[tuple[bytes, str, str | None, str]]) -> None:
        for key, split, target, where in cells:
            self.found.setdefault(key, []).append((split, target, where))
            if target is not None:
                self.labels.update(rows.value(self._cls, self._type, target).labels())

    def targets(self, key: bytes) -> list[str | None]:
        return [target for _, target, _ in self.found[key]]

    def splits(self, key: bytes) -> set[str]:
        return {split for split, _, _ in self.found[key]}

    def plain(self, target: str | None) -> Any:
        return target if target is None or self._type else msgspec.json.decode(target)


def _beyond(side: _Side, other: _Side) -> list[str]:
    """Where the examples are that `side` has beyond those of `other` (copies counted)."""
    return [
        where
        for key, found in side.found.items()
        for _, _, where in found[len(other.found.get(key, ())) :]
    ]  # fmt: skip


def _change(before: _Side, after: _Side, key: bytes) -> Change:
    return Change(
        where=after.found[key][0][2], old=before.plain(before.targets(key)[0]), new=after.plain(after.targets(key)[0])
    )
