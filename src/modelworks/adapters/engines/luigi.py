"""Luigi in this process: the default engine. A node is complete when the store has the step's key."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from modelworks.contracts.check import Finding
from modelworks.contracts.step import Order
from modelworks.core.errors import StepError


class Luigi:
    """Orders steps with Luigi's local scheduler; no server, no second process."""

    def run(self, order: Order) -> None:
        import luigi

        failures: list[BaseException] = []

        class Node(luigi.Task):  # type: ignore[misc]
            name = luigi.Parameter()

            def requires(self) -> list[luigi.Task]:
                return [Node(name=name) for name in order.needs(self.name)]

            def complete(self) -> bool:
                return order.done(self.name)

            def run(self) -> None:
                try:
                    order.execute(self.name)
                except BaseException as error:
                    failures.append(error)
                    raise

        logging.getLogger("luigi-interface").setLevel(logging.CRITICAL)
        luigi.build([Node(name=step.name) for step in order.plan.steps], **_QUIET)
        if failures:
            raise failures[0]
        if missing := [step.name for step in order.plan.steps if not order.done(step.name)]:
            raise StepError("Luigi ended before these steps", seen=missing)

    def check(self, options: Mapping[str, Any]) -> Finding:
        return Finding("engine luigi", "ok", "in this process")


_QUIET = {"local_scheduler": True, "workers": 1, "no_lock": True, "log_level": "CRITICAL"}

ENGINE = Luigi()
