"""The part of `modelworks run` that works: kept apart so that a run with nothing to do imports none of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from modelworks import lifecycle
from modelworks.cli import _project, _show
from modelworks.contracts import task as tasks
from modelworks.contracts.step import Engine, Order
from modelworks.core import config, registry
from modelworks.core.errors import GateFailed
from modelworks.pipeline.execute import Executor
from modelworks.pipeline.store import Record
from modelworks.stages.evaluate import gate


def work(
    settings: config.Project, overrides: tuple[str, ...], until: str | None, engine: str | None, quiet: bool
) -> Executor:
    """Run all that is to do; gives the executor of the finished plan."""
    chosen = config.Engine(name=engine) if engine else config.engine(settings)
    orders: Engine = registry.leaf("modelworks.adapters.engines", chosen.name, "ENGINE")
    gate.check(settings.gate, tasks.find(settings.task))
    with _show.progress() as progress:
        _, executor = _project.executor(overrides, progress)
        plan = executor.plan if until is None else _project.until(executor.plan, until)

        def execute(name: str) -> Record:
            progress.say(f"▸ {name}")
            record = executor.execute(name)
            if not quiet:
                progress.say(_summary(executor, record))
            return record

        try:
            orders.run(
                Order(
                    plan=plan, done=executor.done, execute=execute, project=executor.project, options=chosen.options,
                    command=lambda name: _command(name, overrides),
                )
            )  # fmt: skip
        except GateFailed as error:
            progress.say(f"  {error.message}")
        lifecycle.share_bundles(executor.project, executor.store)
    if not quiet:
        _closing(executor)
    return executor


def _command(name: str, overrides: tuple[str, ...]) -> tuple[str, ...]:
    """The command line that does a step as this run would."""
    given = (part for override in overrides for part in ("--set", override))
    return (sys.executable, "-m", "modelworks", "step", name, *given)


def _summary(executor: Executor, record: Record) -> str:
    """What a step found, in a few lines."""
    drawn = _DRAW.get(record.step)
    facts = drawn(executor, record) if drawn else _facts(record.facts)
    return "\n".join("  " + line for line in [*facts, f"({record.seconds:.1f} s)"] if line)


def _facts(facts: dict[str, Any]) -> list[str]:
    return [f"{name}: {_short(value)}" for name, value in facts.items()]


def _short(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 100 else text[:99] + "…"


def _variants(executor: Executor, record: Record) -> list[str]:
    measured = _read(executor.path("optimize") / "measurements.json")
    rows = [
        (
            "→" if m.get("chosen") else " ", m["variant"], _mb(m.get("size")), m.get("p50_ms"), m.get("p95_ms"),
            m.get("throughput"), m.get("metric"), m.get("why", ""),
        )
        for m in measured
    ]  # fmt: skip
    return _show.table(("", "variant", "MB", "p50 ms", "p95 ms", "rows/s", "dev", "why"), rows).split("\n")


def _scores(executor: Executor, record: Record) -> list[str]:
    report = _read(executor.path(record.step) / "report.json")
    rows = [(name, _show.interval(score), score["signature"]) for name, score in report["scores"].items()]
    head = f"{report['examples']} test examples, {report['confidence']:.0%} intervals"
    return [head, *_show.table(("metric", "value", "signature"), rows).split("\n")]


def _verdict(executor: Executor, record: Record) -> list[str]:
    return [f"{'PASSED' if record.facts['passed'] else 'REFUSED'}: {record.facts['words']}"]


_DRAW = {"optimize": _variants, "evaluate": _scores, "champion": _scores, "gate": _verdict}


def _closing(executor: Executor) -> None:
    if executor.done("gate"):
        click.echo(f"Report: {_project.relative(executor.path('gate') / 'report.html')}")
    if executor.done("release"):
        facts = executor.record("release").facts
        click.echo(f"Released: version {facts['version']} is the champion (bundle {facts['bundle'][:12]}).")
        click.echo("Next: modelworks serve")


def _mb(size: int | None) -> float | None:
    return None if size is None else size / 1e6


def _read(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())
