"""Steps one after the other, in the plan's order, in this process. Needs nothing installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelworks.contracts.check import Finding
from modelworks.contracts.step import Order
from modelworks.core.errors import ConfigError


class Plain:
    """The simplest engine."""

    def run(self, order: Order) -> None:
        if order.options:
            raise ConfigError("plain has no such option", where="engine.options", seen=sorted(order.options))
        for step in order.plan.steps:
            if not order.done(step.name):
                order.execute(step.name)

    def check(self, options: Mapping[str, Any]) -> Finding:
        return Finding("engine plain", "ok", "in this process")


ENGINE = Plain()
