"""Which example goes where.

*Given* splits (files named for a split, a `split` column, folders or file names `train`, `dev`, `test`) hold. What is
given for none, and whatever of `dev` and `test` is not given, is cut from the rest by a share:

- `stratified`, `random`: by a hash of (seed, normalized input), a number u in [0, 1): test when u < test, dev when
  u < test + dev, else train. So identical inputs share a split and examples that are added, removed or reordered
  move no other. It is not exact: a share p of n examples (of a label, too) comes out as p with a standard deviation of
  sqrt(p (1 - p) / n); ranking would be exact, but would move examples whenever one is added.
- `group`: u is the hash of the group, so groups stay whole.
- `time`: the newest examples are the test split, those before them dev. It moves forward as time does.

Exceptions keep small data usable (lend.py): an empty split gets the example nearest to it; a label with no training
example gets the one whose u is largest; with `stratified` a label that is missing from dev or test, and could be
expected there, gets the training example nearest to it. Only such a lent example may move when data is added: back to
where its u puts it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from modelworks.core.errors import DataError
from modelworks.stages.prepare import lend
from modelworks.stages.prepare.facts import Fact


def assign(facts: Sequence[Fact], data: dict[str, Any]) -> tuple[list[str], str]:
    """(split of each example, how they were split in words)."""
    given = [fact.split for fact in facts]
    if "train" not in given:  # names alone: a lone `test.csv` is data to split like any other
        given = ["" if not isinstance(data.get(split), (str, list, tuple)) else split for split in given]
    shares = {split: _share(data, split, given) for split in ("test", "dev")}
    pool = [number for number, split in enumerate(given) if split == "" or (split == "train" and any(shares.values()))]
    if not pool or not any(shares.values()):
        return ["train" if split == "" else split for split in given], "given"
    mode = data.get("split", "stratified")
    some = [facts[number] for number in pool]
    positions = _positions(mode, some, data.get("seed", 0))
    chosen = _cut(positions, shares)
    _repair(mode, chosen, positions, some, shares)
    for number, split in zip(pool, chosen, strict=True):
        given[number] = split
    cut = ", ".join(f"{split} {share:g}" for split, share in shares.items() if share)
    return given, f"{mode} ({cut})" if len(pool) == len(given) else f"given; from the training data {mode} ({cut})"


def _share(data: dict[str, Any], split: str, given: list[str]) -> float:
    value = data.get(split, {"dev": 0.1, "test": 0.2}[split])
    return float(value) if isinstance(value, (int, float)) and split not in given else 0.0


def uniform(*parts: object) -> float:
    """A number in [0, 1) from a SHA-256 of the parts."""
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8]) / 2**64


def _positions(mode: str, facts: list[Fact], seed: int) -> list[float]:
    """Where each example lies in [0, 1): below `test` is test, below `test + dev` is dev."""
    if mode == "group":
        return [uniform(seed, "group", _need(fact, fact.group, "group")) for fact in facts]
    if mode == "time":
        return _newest_first([(_when(_need(fact, fact.time, "time"), fact), fact) for fact in facts])
    return [uniform(seed, fact.key.hex()) for fact in facts]


def _need(fact: Fact, value: str, field: str) -> str:
    if not value:
        raise DataError(
            f"the example has no {field}, and `split: {field}` needs one", where=fact.where,
            allowed=f"a column `{field}`", hint=f"data: {{columns: {{{field}: NAME}}}}",
        )  # fmt: skip
    return value


def _when(text: str, fact: Fact) -> float:
    """Seconds (or any number) that order times: a number, or an ISO 8601 date; UTC where no zone is named."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise DataError(
            "not a time", where=fact.where, seen=text, allowed="a number or a date as 2026-01-31"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _newest_first(timed: list[tuple[float, Fact]]) -> list[float]:
    """The share of examples that are newer; examples of one time lie together."""
    counts = Counter(moment for moment, _ in timed)
    newer, position = 0, {}
    for moment in sorted(counts, reverse=True):
        position[moment] = newer / len(timed)
        newer += counts[moment]
    return [position[moment] for moment, _ in timed]


def _cut(positions: list[float], shares: dict[str, float]) -> list[str]:
    test, dev = shares["test"], shares["dev"]
    if test + dev >= 1:
        raise DataError(
            "`dev` and `test` leave nothing to train on", seen=f"{dev} + {test}", allowed="less than 1 together"
        )
    both = round(test + dev, 9)  # 0.1 + 0.2 is more than 0.3
    return ["test" if u < test else "dev" if u < both else "train" for u in positions]


def _repair(mode: str, chosen: list[str], positions: list[float], facts: list[Fact], shares: dict[str, float]) -> None:
    if mode in ("stratified", "random"):
        lend.keep_labels(chosen, positions, facts)
    if mode == "stratified":
        lend.lend_labels(chosen, positions, facts, shares)
    lend.fill(chosen, positions, facts, shares)
