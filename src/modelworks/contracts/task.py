"""Task: everything Modelworks knows of a task, in one leaf file `modelworks/tasks/<name>.py` that sets `TASK`.

A task knows kinds, ops and metrics by name. It knows no stage: nothing here trains, serves or deploys, and no
member may. A task of an installed package is found through the entry point group `modelworks.tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Program
from modelworks.core import registry
from modelworks.core.errors import ConfigError
from modelworks.kinds import Example, Kind

PACKAGE = "modelworks.tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task as data and five pure functions."""

    name: str
    aliases: tuple[str, ...]
    """Other names of the field (`text-classification`)."""
    summary: str
    input: str
    target: str
    prediction: str
    """Names of kinds."""
    formats: tuple[str, ...]
    """Formats its data comes in, most usual first."""
    metrics: tuple[str, ...]
    """Names of metrics; the first is primary."""
    shape: str
    """The body it wraps (contracts/body.py); families of this shape can learn it."""
    program: Callable[[Sequence[str], Body], Program]
    """(labels, body) -> the whole program."""
    classes: Callable[[Sequence[str]], list[str]]
    """Labels -> names of the network's output units (for spans: BIO tags); empty where it has no such classes."""
    encode: Callable[[Kind, Mapping[str, Any], Sequence[str]], dict[str, np.ndarray]]
    """(target, the example's row-wise variables, labels) -> training arrays by name: `labels` int64, scalar or [T];
    -100 marks units that carry no loss. What only the family can number (subwords of a target text) is given as it is,
    and `Family.numericalize` turns it into arrays."""
    render: Callable[[Kind, Kind | None, Kind | None], str]
    """(input, target, prediction) -> a piece of HTML that shows them side by side; everything escaped."""
    example: Callable[[], list[Example]]
    """A dozen tiny labelled examples for tests, made without files."""
    also: tuple[str, ...] = ()
    """Further shapes whose families can learn it (`train.family`); `program` and `encode` tell them apart by
    `body.shape` and by the variables there are."""
    slices: tuple[str, ...] = ("length", "label")
    perturbations: tuple[str, ...] = ()
    """Names of perturbations under which its score is reported."""
    parts: tuple[str, ...] = ()
    """Tasks whose bundles it is put together from, instead of being learnt (`bundle.join`); its `shape` is empty."""
    join: Callable[[Sequence[Program]], Program] | None = None
    """The programs of such bundles, in the order of `parts`, their variables renamed apart -> the whole program."""
    documents: Callable[[], list[Example]] | None = None
    """A tiny collection that its `example` is answered from, for a task that searches one."""
    starter: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def learnt(self) -> bool:
        """Whether labelled data can teach it: it is not put together from others, and something judges it."""
        return not self.parts and bool(self.metrics)


def find(name: str) -> Task:
    """The task of a name or alias; a ConfigError with the nearest name when there is none."""
    known = registry.names(PACKAGE)
    if name in known:
        task: Task = registry.leaf(PACKAGE, name, "TASK")
        return task
    tasks: list[Task] = [registry.leaf(PACKAGE, other, "TASK") for other in known]
    for task in tasks:
        if name in task.aliases:
            return task
    allowed = sorted({*known, *(alias for task in tasks for alias in task.aliases)})
    raise ConfigError(f"there is no task {name!r}", seen=name, allowed=allowed)
