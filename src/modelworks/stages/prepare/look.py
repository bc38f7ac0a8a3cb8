"""A first look at data files, for `modelworks init`: format, columns, labels, a few examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from modelworks.contracts import task as tasks
from modelworks.contracts.format import Bad
from modelworks.core.errors import DataError
from modelworks.kinds import Kind
from modelworks.stages.prepare.sources import Sources

SAMPLE = 3
LISTED = 5


class Look(Struct, frozen=True, kw_only=True):
    """What data files seem to hold."""

    format: str
    columns: dict[str, str]
    examples: int
    bad: int
    labels: tuple[str, ...]
    """Most frequent first."""
    counts: dict[str, int]
    """Label -> occurrences, in the same order."""
    sample: tuple[str, ...]
    """The first examples, shortened."""
    files: tuple[str, ...]
    splits: tuple[str, ...] = ()
    """Splits that the files' names or columns give."""
    faults: tuple[str, ...] = ()
    """The first faults, with file and line."""


def look(task: str, paths: Sequence[str | Path], project: Path) -> Look:
    """Read the files as the task would; a DataError when nothing in them can be used."""
    found = tasks.find(task)
    sources = Sources(found, {"source": [str(path) for path in paths]}, project)
    labels, splits, sample, faults, good = Counter[str](), set[str](), list[str](), list[Bad](), 0
    for one in sources:
        if isinstance(one, Bad):
            faults.append(one)
            continue
        good += 1
        labels.update(one.target.labels() if one.target is not None else ())
        splits.add(one.split)
        if len(sample) < SAMPLE:
            sample.append(_short(one.input, one.target))
    if not good:
        first = faults[0] if faults else Bad(", ".join(map(str, paths)), "the data holds no examples")
        raise DataError(first.message, where=first.where, seen=first.seen or None, allowed=first.allowed)
    described = sources.columns()
    return Look(
        format=described[0]["format"], columns=described[0]["columns"], examples=good, bad=len(faults),
        labels=tuple(dict(labels.most_common())), counts=dict(labels.most_common()),
        sample=tuple(sample), files=tuple(one["path"] for one in described),
        splits=tuple(sorted(splits - {""})), faults=tuple(f"{f.where}: {f.message}" for f in faults[:LISTED]),
    )  # fmt: skip


def _short(value: Kind, target: Kind | None) -> str:
    return f"{value.as_text()[:80]} → {target.as_text()[:120] if target is not None else ''}"
