"""Step and Plan: a pipeline as data; Work: what a stage function receives.

A step is a dotted function, named inputs (other steps, or artifacts from outside), plain parameters and the kind of
artifact it leaves. Its key is a canonical hash of (name, version of its code, parameters, keys of its inputs): same
key, same artifact. Engines only order `modelworks step NAME`; a step is complete when the store has its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from msgspec import Struct

from modelworks.contracts.check import Finding
from modelworks.core.progress import Progress, Silent

Artifact = Literal["dataset", "checkpoint", "bundle", "report", "verdict", "release", "records"]


class External(Struct, frozen=True, forbid_unknown_fields=True, tag="external"):
    """An input from outside the plan: a folder or files, with the digest that stands for its content."""

    path: str
    digest: str


class From(Struct, frozen=True, forbid_unknown_fields=True, tag="step"):
    """An input that another step leaves."""

    step: str


class Step(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One node of a plan."""

    name: str
    run: str
    """`package.module:function`, called with a Work; returns facts (small plain data)."""
    result: Artifact
    inputs: dict[str, From | External] = {}
    params: dict[str, Any] = {}
    unkeyed: dict[str, Any] = {}
    """Parameters that cannot change the result (where to log, which server): not part of the key."""
    code: tuple[str, ...] = ()
    """Modules and packages whose source is the step's version, besides that of `run`'s package."""


class Plan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Steps in an order in which each comes after its inputs."""

    steps: tuple[Step, ...]

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that a stage function may use. It writes its artifact into `output` and nowhere else."""

    inputs: Mapping[str, Path]
    """Artifact folders (or outside paths), read-only."""
    params: Mapping[str, Any]
    output: Path
    """An empty folder; committed as a whole when the function returns."""
    scratch: Path
    """A folder that survives a kill and is handed to the next try of the same key (training resumes from it)."""
    project: Path
    cache: Path
    """For things that can be made again, shared by all steps; entries named by their own content keys."""
    progress: Progress = field(default_factory=Silent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an engine is asked for: a plan to finish."""

    plan: Plan
    done: Callable[[str], bool]
    """Whether a step's artifact is in the store."""
    execute: Callable[[str], Any]
    """Do a step in this process."""
    command: Callable[[str], tuple[str, ...]]
    """The command line that does a step in a process of its own, in the folder `project` (or a copy of it, where
    `store` is one that machines share)."""
    project: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    """`engine.options` of modelworks.yaml."""

    def needs(self, name: str) -> tuple[str, ...]:
        """The steps whose artifacts a step takes."""
        step = self.plan.step(name)
        return tuple(value.step for value in step.inputs.values() if isinstance(value, From)) if step else ()


class Engine(Protocol):
    """A leaf `modelworks/adapters/engines/<name>.py` sets `ENGINE`: it orders a plan's steps."""

    def run(self, order: Order) -> None:
        """Do every step that is not done, inputs first, by `execute` or by running `command`; stop at the first
        failure. An exception of `execute` goes through; a command that failed is a StepError with the end of what it
        printed, or GateFailed where it ended with 1."""

    def check(self, options: Mapping[str, Any]) -> Finding:
        """Whether the engine can be used now."""
