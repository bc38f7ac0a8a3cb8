"""The validation report: what the data is, and what is wrong with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelworks.contracts.format import Bad
from modelworks.stages.prepare.facts import Fact

LISTED = 20
"""Places listed of each problem; all are counted."""
IMBALANCE = 20.0
RARE = 5
"""Training examples below which a label is called rare."""


def leaks(facts: Sequence[Fact], splits: Sequence[str]) -> set[int]:
    """Numbers of the examples to leave out: those in train whose input is also in dev or test, and those in dev whose
    input is also in test."""
    held = {split: {f.key for f, s in zip(facts, splits, strict=True) if s == split} for split in ("dev", "test")}
    later = {"train": held["dev"] | held["test"], "dev": held["test"], "test": set[bytes]()}
    return {n for n, (fact, split) in enumerate(zip(facts, splits, strict=True)) if fact.key in later[split]}


def validation(
    facts: Sequence[Fact], splits: Sequence[str], left_out: set[int], faults: Sequence[Bad], about: dict[str, Any]
) -> dict[str, Any]:
    """The report as plain data. `about` is put in front: sources, how it was split."""
    same = _same(facts)
    duplicates = [fact.where for group in same for fact in group[1:]]
    conflicts = [[fact.where for fact in group] for group in same if len({fact.target for fact in group}) > 1]
    kept = [(f, s) for n, (f, s) in enumerate(zip(facts, splits, strict=True)) if n not in left_out]
    labels = _labels(kept)
    sizes, outliers = _sizes([fact for fact, _ in kept])
    problems = {
        "bad": len(faults), "duplicates": len(duplicates), "leaks": len(left_out), "conflicts": len(conflicts),
        "outliers": len(outliers), "rare_labels": len(_rare(labels)),
    }  # fmt: skip
    return {
        **about,
        "examples": len(facts) + len(faults),
        "kept": len(kept),
        "splits": {split: sum(s == split for _, s in kept) for split in ("train", "dev", "test")},
        "labels": labels,
        "problems": problems,
        "sizes": sizes,
        "bad": [_bad(fault) for fault in faults[:LISTED]],
        "duplicates": duplicates[:LISTED],
        "leaks": [{"where": facts[n].where, "split": splits[n]} for n in sorted(left_out)[:LISTED]],
        "conflicts": conflicts[:LISTED],
        "outliers": outliers[:LISTED],
        "notes": notes(problems, labels),
    }


def _bad(fault: Bad) -> dict[str, str]:
    return {"where": fault.where, "message": fault.message, "seen": fault.seen, "allowed": fault.allowed}


def _same(facts: Sequence[Fact]) -> list[list[Fact]]:
    groups: dict[bytes, list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[fact.key].append(fact)
    return [group for group in groups.values() if len(group) > 1]


def _labels(kept: Sequence[tuple[Fact, str]]) -> dict[str, dict[str, int]]:
    """Split -> label -> occurrences, labels sorted."""
    counts: dict[str, Counter[str]] = {split: Counter() for split in ("train", "dev", "test")}
    for fact, split in kept:
        counts[split].update(fact.labels)
    return {split: dict(sorted(counter.items())) for split, counter in counts.items()}


def _rare(labels: dict[str, dict[str, int]]) -> list[str]:
    return [label for label, count in labels["train"].items() if count < RARE]


def _sizes(facts: Sequence[Fact]) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """(quantiles of the input sizes, outliers: beyond 3 interquartile ranges in the logarithm (Tukey's far out))."""
    if not facts:
        return {}, []
    sizes = np.array([fact.size for fact in facts], dtype=np.float64)
    logs = np.log(np.maximum(sizes, 1))
    low, middle, high = np.quantile(logs, [0.25, 0.5, 0.75])
    reach = 3 * max(high - low, 0.1)
    far = np.flatnonzero((logs > high + reach) | (logs < low - reach))
    far = far[np.argsort(-np.abs(logs[far] - middle), kind="stable")]
    quantiles = np.quantile(sizes, [0, 0.5, 0.95, 1])
    named = dict(zip(("min", "median", "p95", "max"), map(float, quantiles), strict=True))
    return named, [{"where": facts[n].where, "size": facts[n].size} for n in far.tolist()]


def notes(problems: dict[str, int], labels: dict[str, dict[str, int]]) -> list[str]:
    """The problems in words, for people."""
    words = {
        "bad": "examples cannot be used and were left out",
        "duplicates": "examples repeat an earlier input",
        "leaks": "examples were removed because their input is also in a later split",
        "conflicts": "inputs occur with different labels",
        "outliers": "inputs are unusually short or long",
    }
    said = [f"{problems[name]} {text}" for name, text in words.items() if problems[name]]
    train = labels["train"]
    if rare := _rare(labels):
        said.append(f"fewer than {RARE} training examples: {', '.join(rare[:10])}")
    if train and max(train.values()) > IMBALANCE * min(train.values()):
        most, least = max(train, key=train.__getitem__), min(train, key=train.__getitem__)
        said.append(f"labels are out of balance: {most} {train[most]}, {least} {train[least]}")
    for split in ("dev", "test"):
        missing = [label for label in train if label not in labels[split]]
        if missing and labels[split]:
            said.append(f"no example in {split}: {', '.join(missing[:10])}")
    return said
