"""Luigi in this process: the default engine. A node is complete when the store has the step's key."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from modelworks.contracts.step import External, Plan
from modelworks.core.errors import StepError


class Luigi:
    """Orders steps with Luigi's local scheduler; no server, no second process."""

    def run(self, plan: Plan, done: Callable[[str], bool], execute: Callable[[str], Any]) -> None:
        import luigi

        failures: list[BaseException] = []

        class Node(luigi.Task):  # type: ignore[misc]
            name = luigi.Parameter()

            def requires(self) -> list[luigi.Task]:
                step = plan.step(self.name)
                inputs = step.inputs.values() if step else ()
                return [Node(name=value.step) for value in inputs if not isinstance(value, External)]

            def complete(self) -> bool:
                return done(self.name)

            def run(self) -> None:
                try:
                    execute(self.name)
                except BaseException as error:
                    failures.append(error)
                    raise

        logging.getLogger("luigi-interface").setLevel(logging.CRITICAL)
        luigi.build([Node(name=step.name) for step in plan.steps], **_QUIET)
        if failures:
            raise failures[0]
        if missing := [step.name for step in plan.steps if not done(step.name)]:
            raise StepError("Luigi ended before these steps", seen=missing)


_QUIET = {"local_scheduler": True, "workers": 1, "no_lock": True, "log_level": "CRITICAL"}

ENGINE = Luigi()
