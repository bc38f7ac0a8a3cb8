"""Luigi: the default engine, in this process; or, with `scheduler`, workers under a central luigid.

Options: `scheduler` (URL of luigid; without one Luigi's local scheduler is used), `workers` (steps at once, 1). With a
scheduler, any number of `modelworks run` of the same project share the steps, and one goes on when another dies.
"""

from __future__ import annotations

import logging
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts.check import Finding
from modelworks.contracts.step import Order
from modelworks.core import commands, config, hashing
from modelworks.core.errors import StepError


class Luigi:
    """Orders steps with Luigi. A node is complete when the store has the step's key."""

    def run(self, order: Order) -> None:
        options = _options(order.options)
        if (found := self.check(options)).state == "fault":  # Luigi's own tries take minutes
            raise StepError(f"the scheduler does not answer: {found.seen}", where=found.what, hint=found.next)
        logging.getLogger("luigi-interface").setLevel(logging.CRITICAL)
        with tempfile.TemporaryDirectory() as folder:
            failures = _Failures(Path(folder))
            node = _node(order, failures, apart=options["workers"] > 1)
            while missing := _missing(order):
                _build([node(name=name) for name in missing], options)
                failures.tell()
                if not options["scheduler"]:
                    break
                time.sleep(1)  # what is missing is another worker's now
        if missing := _missing(order):
            raise StepError("Luigi ended before these steps", seen=missing, hint="modelworks step NAME says why")

    def check(self, options: Mapping[str, Any]) -> Finding:
        scheduler = _options(options)["scheduler"]
        if not scheduler:
            return Finding("engine luigi", "ok", "in this process")
        try:
            with urllib.request.urlopen(f"{scheduler}/api/task_list?data=%7B%7D", timeout=5):  # noqa: S310
                return Finding(f"engine luigi {scheduler}", "ok", "the scheduler answers")
        except OSError as error:
            return Finding(f"engine luigi {scheduler}", "fault", str(error), "start luigid, or leave `scheduler` out")


class _Failures:
    """What went wrong, here or in a process that Luigi forked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._here: list[BaseException] = []

    def add(self, error: BaseException) -> None:
        self._here.append(error)

    def judge(self, name: str, code: int, output: str) -> None:
        """Note how a command ended, and raise when it failed."""
        if code:
            (self._folder / name).write_text(f"{code}\n{output}", "utf-8")
        commands.judge(name, code, output)

    def tell(self) -> None:
        """Raise the first failure."""
        for path in sorted(self._folder.iterdir()):
            code, _, output = path.read_text("utf-8").partition("\n")
            commands.judge(path.name, int(code), output)
        if self._here:
            raise self._here[0]


def _node(order: Order, failures: _Failures, apart: bool) -> Any:
    """Luigi's task of a step. `apart`: in a process of its own, since a fork of this one may not run everything."""
    import luigi

    # One scheduler may know many projects and versions: what a node stands for is in its name.
    plan = hashing.digest("plan", repr(order.plan))[:12]

    class Node(luigi.Task):  # type: ignore[misc]
        task_namespace = f"{order.project.name}-{plan}"
        name = luigi.Parameter()

        def requires(self) -> list[luigi.Task]:
            return [Node(name=name) for name in order.needs(self.name)]

        def complete(self) -> bool:
            return order.done(self.name)

        def run(self) -> None:
            if apart:
                failures.judge(self.name, *commands.run(order.command(self.name), order.project))
                return
            try:
                order.execute(self.name)
            except BaseException as error:
                failures.add(error)
                raise

    return Node


def _missing(order: Order) -> list[str]:
    return [step.name for step in order.plan.steps if not order.done(step.name)]


def _build(nodes: list[Any], options: Mapping[str, Any]) -> None:
    """Do what can be done here now."""
    import luigi

    url = options["scheduler"].rstrip("/")
    place = {"scheduler_url": url} if url else {"local_scheduler": True}
    try:
        luigi.build(nodes, workers=options["workers"], no_lock=True, log_level="CRITICAL", **place)
    except luigi.rpc.RPCError as error:
        raise StepError(
            f"the scheduler does not answer: {error.sub_exception or error}", where=url,
            hint="start luigid, and run again: finished steps are kept",
        ) from error  # fmt: skip


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    return config.settled("luigi", {"scheduler": "", "workers": 1}, given, where="engine.options")


ENGINE = Luigi()
