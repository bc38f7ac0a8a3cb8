"""`modelworks tasks`."""

from __future__ import annotations

import json
from typing import Any

import click


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """List the tasks, or show one's contract."""
    if ctx.invoked_subcommand is not None:
        return 0
    from modelworks.cli import _show
    from modelworks.contracts import task as contract
    from modelworks.core import registry

    tasks = [contract.find(name) for name in registry.names(contract.PACKAGE)]
    if as_json:
        click.echo(json.dumps([_plain(task) for task in tasks]))
    else:
        rows = [(t.name, f"{t.input} → {t.prediction}", t.metrics[0], ", ".join(t.aliases)) for t in tasks]
        click.echo(_show.table(("task", "kinds", "primary metric", "also called"), rows))
    return 0


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(name: str, as_json: bool) -> int:
    """The contract of one task: kinds, formats, metrics, families, slices, perturbations."""
    from modelworks.contracts import task as contract

    plain = _plain(contract.find(name))
    if as_json:
        click.echo(json.dumps(plain))
        return 0
    width = max(len(key) for key in plain)
    for key, value in plain.items():
        click.echo(f"{key.ljust(width)}  {', '.join(value) if isinstance(value, list) else value}")
    return 0


def _plain(task: Any) -> dict[str, Any]:
    from modelworks.core import registry

    families = registry.names("modelworks.stages.learn.families")
    return {
        "name": task.name, "summary": task.summary, "aliases": list(task.aliases),
        "input": task.input, "target": task.target, "prediction": task.prediction,
        "formats": list(task.formats), "metrics": list(task.metrics), "shape": task.shape,
        "families": [name for name in families if name == task.shape] or families,
        "slices": list(task.slices), "perturbations": list(task.perturbations),
        "file": task.program.__module__,
    }  # fmt: skip
