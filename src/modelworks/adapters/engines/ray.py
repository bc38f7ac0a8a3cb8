"""Ray: steps as remote tasks on the workers of a cluster, those that do not need each other at once.

Options: `address` (of a running cluster; `local` starts one on this machine for the run), `retries` (of a step whose
worker died, 2), `cpus` (that a step reserves, 1), `gpus` (0). Workers need this Modelworks and either the same folder
or, with `store`, a copy of the project's; a step that another machine made is found in the store.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts.check import Finding
from modelworks.contracts.step import Order
from modelworks.core import commands
from modelworks.core.errors import ConfigError, StepError

_KNOWN: dict[str, Any] = {"address": "local", "retries": 2, "cpus": 1, "gpus": 0}


class Ray:
    """Orders steps as Ray tasks; each runs its step's command."""

    def run(self, order: Order) -> None:
        import ray

        options = _options(order.options)
        _connect(options)
        try:
            _Run(order, _task(options)).finish()
        finally:
            ray.shutdown()

    def check(self, options: Mapping[str, Any]) -> Finding:
        import ray

        chosen = _options(options)
        what = f"engine ray {chosen['address']}"
        if chosen["address"] == "local":
            return Finding(what, "ok", f"version {ray.__version__}")
        try:
            _connect(chosen)
            cores = ray.cluster_resources().get("CPU", 0)
        except StepError as error:
            return Finding(what, "fault", error.message, error.hint)
        ray.shutdown()
        return Finding(what, "ok", f"{cores:.0f} cores")


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


def _connect(options: Mapping[str, Any]) -> None:
    import ray

    address = options["address"]
    try:
        _reach(address)
        ray.init(address=address, include_dashboard=False if address == "local" else None, log_to_driver=False,
                 logging_level="ERROR")  # fmt: skip
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        hint = "ray status --address … says whether it runs; `address: local` needs none"
        raise StepError(f"no Ray cluster answers: {error}", where=f"ray {address}", hint=hint) from error


def _reach(address: str) -> None:
    """An OSError within seconds when nothing listens; Ray's own tries take minutes, and end the process."""
    host, mark, port = address.rpartition(":")
    if mark and port.isdigit():
        with socket.create_connection((host.removeprefix("ray://").strip("[]"), int(port)), timeout=5):
            pass


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    for name in given:
        if name not in _KNOWN:
            raise ConfigError("ray has no such option", where="engine.options", seen=name, allowed=sorted(_KNOWN))
    return {**_KNOWN, **given}


ENGINE = Ray()
