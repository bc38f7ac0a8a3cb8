"""The step `prepare`: two passes over the source files.

The first checks every example and keeps a small fact of each; then all are split and judged at once; the second writes
those that stay. So memory holds facts, never inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts import task as tasks
from modelworks.contracts.format import Bad
from modelworks.contracts.step import Work
from modelworks.contracts.task import Task
from modelworks.core import files
from modelworks.core.errors import DataError
from modelworks.core.progress import Progress
from modelworks.dataset import create
from modelworks.kinds import Example
from modelworks.kinds.base import named
from modelworks.stages.prepare import check, report
from modelworks.stages.prepare.facts import Fact, fact
from modelworks.stages.prepare.licences import licences
from modelworks.stages.prepare.sources import Sources
from modelworks.stages.prepare.split import assign

SHOWN = 5
LEFT_OUT = "left_out.jsonl"
"""Every example that `skip_bad` left out: where, message, seen, allowed."""
STRIDE = 100
"""Examples between two signs of progress."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the first pass and the judgement found."""

    facts: list[Fact]
    usable: list[bool]
    """Of every item read, in order: is it among the facts?"""
    splits: list[str]
    left_out: set[int]
    validation: dict[str, Any]
    faults: tuple[Bad, ...] = ()
    """Of the items that are not usable."""


def run(work: Work) -> dict[str, Any]:
    """Read, check, split and store the project's data; a DataError that lists the first faults when it cannot be
    used."""
    task = tasks.find(work.params["task"])
    project, data = Path(work.inputs["source"]), dict(work.params["data"])
    sources = Sources(task, data, project)
    found = inspect(task, sources, data, work.progress)
    work.progress.start("store", len(found.facts), "examples")
    dataset = create(
        work.output, _chosen(sources, found, work.progress), input=task.input, target=task.target,
        validation=found.validation, licences=licences([unit for unit, _, _ in sources.units], project),
    )  # fmt: skip
    for note in found.validation["notes"]:
        work.progress.say(f"data: {note}")
    if found.faults:
        lines = [msgspec.json.encode(fault) + b"\n" for fault in found.faults]
        files.write_bytes(work.output / LEFT_OUT, b"".join(lines))
        work.progress.say(f"data: left out, the whole list is in {LEFT_OUT}:\n{_listed(found.faults)}")
    return {
        "dataset": dataset.id, "splits": dataset.splits, "labels": list(dataset.labels),
        "split": found.validation["split"], "problems": found.validation["problems"],
    }  # fmt: skip


def inspect(task: Task, sources: Sources, data: dict[str, Any], progress: Progress) -> Findings:
    """The first pass and the judgement; writes nothing."""
    progress.start("check", None, "examples")
    facts, usable, faults = list[Fact](), list[bool](), list[Bad]()
    for one in sources:
        bad = one if isinstance(one, Bad) else check.fault(one)
        usable.append(bad is None)
        if bad is not None:
            faults.append(bad)
        elif isinstance(one, Example):
            facts.append(fact(one))
        if len(usable) % STRIDE == 0:
            progress.advance(STRIDE)
    _stop_for_faults(faults, len(usable), bool(data.get("skip_bad")))
    if not facts:
        raise DataError(
            "the data holds no examples", where=_places(sources), allowed="at least a few labelled examples"
        )
    splits, how = assign(facts, data)
    left_out = report.leaks(facts, splits)
    about = {"sources": sources.columns(), "split": how}
    validation = report.validation(facts, splits, left_out, faults, about)
    _stop_for_labels(task, facts, splits, validation)
    return Findings(facts, usable, splits, left_out, validation, tuple(faults))


def _chosen(sources: Sources, found: Findings, progress: Progress) -> Iterator[Example]:
    """The second pass: the examples that stay, with their split."""
    number = -1
    for usable, one in zip(found.usable, sources, strict=True):
        if not usable or not isinstance(one, Example):
            continue
        number += 1
        if one.where != found.facts[number].where:
            raise DataError("the data changed while it was read", where=one.where, hint="run again")
        if number not in found.left_out:
            if (number + 1) % STRIDE == 0:
                progress.advance(STRIDE)
            yield Example(one.id, one.input, one.target, one.meta, found.splits[number], one.where)


def _stop_for_faults(faults: Sequence[Bad], total: int, skip: bool) -> None:
    if not faults or (skip and len(faults) < total):
        return
    raise DataError(
        f"{len(faults)} of {total} examples cannot be used:\n{_listed(faults)}", where=faults[0].where,
        seen=faults[0].seen or None, allowed=faults[0].allowed,
        hint="correct them, or leave them out (counted and listed): --skip-bad, or data: {skip_bad: true}",
    )  # fmt: skip


def _listed(faults: Sequence[Bad]) -> str:
    more = f"\n    and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return "\n".join(f"    {_line(fault)}" for fault in faults[:SHOWN]) + more


def _line(fault: Bad) -> str:
    return f"{fault.where}: {fault.message}" + (f" (seen: {fault.seen})" if fault.seen else "")


def _stop_for_labels(task: Task, facts: Sequence[Fact], splits: Sequence[str], validation: dict[str, Any]) -> None:
    """Data that cannot train: no training examples, too few labels, labels that training never sees."""
    known = validation["labels"]["train"]
    if not validation["splits"]["train"]:
        raise DataError("no examples are left to train on", seen=validation["splits"], hint="give more data")
    least = named(task.target).fewest_labels
    if len(known) < least:
        words = "only one label" if known else "no labels"
        raise DataError(
            f"the training data has {words}", where=facts[0].where, seen=", ".join(known),
            allowed=f"at least {least} different label{'s' if least > 1 else ''}",
        )  # fmt: skip
    if named(task.target).open_labels:
        return
    for number, (one, split) in enumerate(zip(facts, splits, strict=True)):
        unknown = [label for label in one.labels if known and label not in known]
        if split != "train" and unknown:
            count = sum(unknown[0] in other.labels for other in facts[number:])
            raise DataError(
                f"the {split} split has a label that the training split has not ({count} times)", where=one.where,
                seen=unknown[0], allowed=list(known), hint=_advice(unknown[0], known),
            )  # fmt: skip


def _advice(label: str, known: dict[str, int]) -> str:
    from modelworks.core.errors import nearest

    close = nearest(label, known)
    return f"did you mean {close!r}?" if close else f"add training examples of {label!r}, or remove it"


def _places(sources: Sources) -> str:
    counts = Counter(str(unit) for unit, _, _ in sources.units)
    return ", ".join(list(counts)[:3])
