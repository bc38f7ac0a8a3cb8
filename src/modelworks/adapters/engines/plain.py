"""Steps one after the other, in the plan's order, in this process. Needs nothing installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelworks.contracts.step import Plan


class Plain:
    """The simplest engine."""

    def run(self, plan: Plan, done: Callable[[str], bool], execute: Callable[[str], Any]) -> None:
        for step in plan.steps:
            if not done(step.name):
                execute(step.name)


ENGINE = Plain()
