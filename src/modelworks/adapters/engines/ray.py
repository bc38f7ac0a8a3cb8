"""Ray: steps as remote tasks on the workers of a cluster, those that do not need each other at once.

Options: `address` (of a running cluster; `local` starts one on this machine for the run), `retries` (of a step whose
worker died, 2), `cpus` (that a step reserves, 1), `gpus` (0). Workers need this Modelworks and either the same folder
or, with `store`, a copy of the project's; a step that another machine made is found in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.adapters import _ray
from modelworks.contracts.check import Finding
from modelworks.contracts.step import Order
from modelworks.core import commands, config
from modelworks.core.errors import StepError

_KNOWN: dict[str, Any] = {"address": "local", "retries": 2, "cpus": 1, "gpus": 0}


class Ray:
    """Orders steps as Ray tasks; each runs its step's command."""

    def run(self, order: Order) -> None:
        options = _options(order.options)
        with _ray.connected(options["address"]):
            _Run(order, _task(options)).finish()

    def check(self, options: Mapping[str, Any]) -> Finding:
        address = _options(options)["address"]
        return _ray.check(f"engine ray {address}", address)


class _Run:
    """One plan on its way."""

    def __init__(self, order: Order, task: Any) -> None:
        self._order, self._task = order, task
        self._under_way: dict[Any, str] = {}

    def finish(self) -> None:
        import ray

        self._start_what_can()
        while self._under_way:
            (ended,), _ = ray.wait(list(self._under_way), num_returns=1)
            name = self._under_way.pop(ended)
            try:
                commands.judge(name, *ray.get(ended))
            except ray.exceptions.RayError as error:
                hint = "run again: finished steps are kept"
                raise StepError(f"step {name}: {error}", where=f"step {name}", hint=hint) from error
            self._start_what_can()

    def _start_what_can(self) -> None:
        order = self._order
        for step in order.plan.steps:
            ready = all(map(order.done, order.needs(step.name))) and step.name not in self._under_way.values()
            if ready and not order.done(step.name):
                started = self._task.options(name=f"modelworks {step.name}").remote(
                    order.command(step.name), order.project
                )
                self._under_way[started] = step.name


def _task(options: Mapping[str, Any]) -> Any:
    import ray

    def step(command: tuple[str, ...], folder: Path) -> tuple[int, str]:
        return commands.run(command, folder)

    reserve = ray.remote(num_cpus=options["cpus"], num_gpus=options["gpus"], max_retries=options["retries"])
    return reserve(step)


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    return config.settled("ray", _KNOWN, given, where="engine.options")


ENGINE = Ray()
