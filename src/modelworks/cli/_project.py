"""The project a command works in, and its plan."""

from __future__ import annotations

from pathlib import Path

from modelworks.contracts.step import Plan
from modelworks.core import config
from modelworks.core.progress import Progress
from modelworks.pipeline.execute import Executor
from modelworks.pipeline.store import open_store


def executor(overrides: tuple[str, ...] = (), progress: Progress | None = None) -> tuple[config.Project, Executor]:
    """Settings and executor of the project at or above the working directory."""
    from modelworks import lifecycle

    folder = config.find_project()
    settings = config.load_project(folder, overrides)
    store = open_store(folder, settings.store, progress)
    return settings, Executor(folder, lifecycle.plan(folder, settings), progress, store)


def until(plan: Plan, name: str) -> Plan:
    """The plan cut to a step and what it needs."""
    needed, todo = set[str](), [name]
    while todo:
        step = plan.step(todo.pop())
        if step is not None and step.name not in needed:
            needed.add(step.name)
            todo += [value.step for value in step.inputs.values() if hasattr(value, "step")]
    return Plan(steps=tuple(step for step in plan.steps if step.name in needed))


def relative(path: Path) -> str:
    """A path as the user would type it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
