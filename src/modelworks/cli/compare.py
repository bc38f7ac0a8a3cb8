"""`modelworks compare`: two bundles on the same examples."""

from __future__ import annotations

import json
from typing import Any

import click

from modelworks.cli._labelled import COLUMNS, FORMAT, SKIP_BAD


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.argument("files", nargs=-1, required=True, metavar="FILES…")
@click.option("--json", "as_json", is_flag=True, help="Print plain data.")
@click.option("--confidence", default=0.95, show_default=True, type=click.FloatRange(0.5, 0.999))
@click.option("--resamples", default=2000, show_default=True, type=click.IntRange(100))
@FORMAT
@COLUMNS
@SKIP_BAD
def command(
    a: str, b: str, files: tuple[str, ...], as_json: bool, confidence: float, resamples: int, form: str | None,
    columns: tuple[str, ...], skip_bad: bool,
) -> None:  # fmt: skip
    """Compare two bundles on the same labelled files by a paired test.

    Differences are A minus B, turned so that positive is better for A. A and B are folders, .zip files, channels or
    beginnings of ids.
    """
    from modelworks.bundle import Predictor
    from modelworks.cli._bundles import resolve
    from modelworks.cli._labelled import reader
    from modelworks.contracts import task as tasks
    from modelworks.core.errors import ConfigError

    first, second = Predictor.open(resolve(a)), Predictor.open(resolve(b))
    if first.manifest.task != second.manifest.task:
        raise ConfigError(
            "the bundles are of two tasks", where=b, seen=second.manifest.task, allowed=(first.manifest.task,)
        )
    task = tasks.find(first.manifest.task)
    rows = _compare(first, second, task, reader(task, files, form, columns, skip_bad), confidence, resamples)
    facts = {"a": first.id, "b": second.id, "confidence": confidence, "metrics": rows}
    click.echo(json.dumps(facts) if as_json else _words(facts))


def _compare(a: Any, b: Any, task: Any, read: Any, confidence: float, resamples: int) -> list[dict[str, Any]]:
    from modelworks.cli import _show
    from modelworks.contracts import metric as metrics
    from modelworks.core.config import Evaluate
    from modelworks.stages.evaluate import evaluate
    from modelworks.stages.evaluate.intervals import detectable, difference

    settings = Evaluate(confidence=confidence, resamples=resamples, robustness=False)
    with _show.progress() as shown:
        first, second = (evaluate(one, task, read, settings, shown) for one in (a, b))
    rows = []
    for name in task.metrics:
        mine, theirs = first.table.metrics[name], second.table.metrics[name]
        gap = difference(metrics.find(name), mine, theirs, confidence, resamples)
        rows.append({
            "metric": name, "a": first.report["scores"][name]["value"], "b": second.report["scores"][name]["value"],
            "difference": gap.value, "low": gap.low, "high": gap.high,
            "detectable": detectable(gap.error, (1 - confidence) / 2), "examples": len(mine),
        })  # fmt: skip
    return rows


def _words(facts: dict[str, Any]) -> str:
    from modelworks.cli import _show

    rows = [(r["metric"], r["a"], r["b"], _span(r), _said(r), r["detectable"]) for r in facts["metrics"]]
    examples = facts["metrics"][0]["examples"]
    head = f"A {facts['a'][:12]} against B {facts['b'][:12]} on {examples} examples, paired"
    return "\n".join([head, "", _show.table(["metric", "A", "B", "A − B", "", "detectable"], rows)])


def _span(row: dict[str, Any]) -> str:
    return f"{row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"


def _said(row: dict[str, Any]) -> str:
    if row["low"] > 0:
        return "A is better"
    return "B is better" if row["high"] < 0 else "no difference shown"
