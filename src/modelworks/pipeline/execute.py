"""Execute one step: take the artifact from the store, or make it and commit it whole."""

from __future__ import annotations

import datetime
import errno
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from modelworks.contracts.step import External, Plan, Step, Work
from modelworks.core import paths, registry
from modelworks.core.errors import ModelworksError, StepError
from modelworks.core.progress import Progress, Silent
from modelworks.pipeline.keys import all_keys, ingredients
from modelworks.pipeline.store import Record, Store


class Executor:
    """Runs the steps of one plan against one project's store. Steps may be executed by many processes at once."""

    def __init__(self, project: Path, plan: Plan, progress: Progress | None = None, store: Store | None = None) -> None:
        self.project, self.plan = project, plan
        self.store = store or Store(paths.store(project))
        self.keys = all_keys(plan)
        self.progress = progress or Silent()

    def done(self, name: str) -> bool:
        """Whether the store has this step's artifact."""
        return self.store.has(name, self.keys[name])

    def record(self, name: str) -> Record:
        """The record of a step that is done."""
        return self.store.record(name, self.keys[name])

    def execute(self, name: str) -> Record:
        """The record of the step's artifact, made now unless the store has it."""
        step, key = self.step(name), self.keys[name]
        if self.store.has(name, key):
            return self.store.record(name, key)
        with self.store.claim(name, key):
            if not self.store.here(name, key) and not self.store.has(name, key):  # else another process made it
                self._make(step, key)
            if self.store.here(name, key):  # made by a run whose upload failed, too
                self.store.share(name, key)
            return self.store.record(name, key)

    def force(self, name: str) -> None:
        """Forget the step's artifact, so that it is made again."""
        with self.store.claim(name, self.keys[name]):
            self.store.forget(name, self.keys[name])

    def path(self, name: str) -> Path:
        """The step's artifact folder, fetched if another machine made it."""
        return self.store.fetch(name, self.keys[name])

    def step(self, name: str) -> Step:
        """The step of a name, or a StepError with the nearest one."""
        step = self.plan.step(name)
        if step is None:
            raise StepError(f"there is no step {name!r}", seen=name, allowed=[s.name for s in self.plan.steps])
        return step

    def _make(self, step: Step, key: str) -> None:
        inputs = self._inputs(step)
        workspace = self.store.workspace(step.name, key)
        work = Work(
            inputs=MappingProxyType(inputs),
            params=MappingProxyType({**step.params, **step.unkeyed}),
            output=workspace,
            scratch=self.store.scratch(step.name, key),
            project=self.project,
            cache=paths.cache(self.project),
            progress=self.progress,
        )
        began = time.monotonic()
        facts = _call(step, work)
        record = Record(
            step=step.name,
            key=key,
            kind=step.result,
            ingredients=ingredients(self.plan, step, dict(self.keys)),
            inputs={n: self.keys[v.step] for n, v in step.inputs.items() if not isinstance(v, External)},
            facts=dict(facts or {}),
            seconds=round(time.monotonic() - began, 3),
            made=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        )
        self.store.commit(workspace, record)

    def _inputs(self, step: Step) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for name, value in step.inputs.items():
            if isinstance(value, External):
                found[name] = Path(value.path) if Path(value.path).is_absolute() else self.project / value.path
                continue
            if not self.done(value.step):
                raise StepError(
                    f"step {step.name} needs {value.step} first",
                    where=f"step {step.name}",
                    hint=f"modelworks run --until {step.name}",
                )
            found[name] = self.path(value.step)
        return found


def _call(step: Step, work: Work) -> Mapping[str, object] | None:
    function = registry.load(step.run)
    try:
        result: Mapping[str, object] | None = function(work)
        return result
    except ModelworksError as error:
        error.where = error.where or f"step {step.name}"
        raise
    except Exception as error:
        if not isinstance(error, MemoryError | OSError) and not _disk_full(error):
            raise
        hint = "free some disk space or memory and run again: finished steps are kept"
        raise StepError(f"step {step.name} failed: {error}", where=f"step {step.name}", hint=hint) from error


def _disk_full(error: Exception) -> bool:
    """Whether a library's own exception stands for a full disk: many wrap the system's error and keep but its words."""
    return any(os.strerror(code) in str(error) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
