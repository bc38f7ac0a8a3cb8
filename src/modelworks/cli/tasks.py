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
        click.echo(json.dumps([_brief(task) for task in tasks]))
    else:
        rows = [(t.name, f"{t.input} → {t.prediction}", next(iter(t.metrics), ""), ", ".join(t.aliases)) for t in tasks]
        click.echo(_show.table(("task", "kinds", "primary metric", "also called"), rows))
    return 0


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(name: str, as_json: bool) -> int:
    """The contract of one task: kinds, formats, metrics, program, families, perturbations, starter, files."""
    from modelworks.cli._contract import contract
    from modelworks.contracts import task as tasks

    plain = contract(tasks.find(name))
    if as_json:
        click.echo(json.dumps(plain, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(plain)))
    return 0


def _brief(task: Any) -> dict[str, Any]:
    return {
        "name": task.name, "summary": task.summary, "aliases": list(task.aliases),
        "input": task.input, "target": task.target, "prediction": task.prediction,
        "formats": list(task.formats), "metrics": list(task.metrics), "shape": task.shape,
        "slices": list(task.slices), "perturbations": list(task.perturbations), "starter": task.starter,
        "file": task.program.__module__,
    }  # fmt: skip


def _lines(plain: dict[str, Any]) -> list[str]:
    also = f" (also called {', '.join(plain['aliases'])})" if plain["aliases"] else ""
    parts = {
        "kinds": [line for role, kind in plain["kinds"].items() for line in _kind(role, kind)],
        "formats": [f"{one['name']:<16} {one['what']}" for one in plain["formats"]],
        "metrics": [f"{one['name']:<16} {one['signature']}" for one in plain["metrics"]],
        "program": [_call(one) for one in plain["program"]],
        "families": [line for one in plain["families"] for line in _family(one)] or [_untaught(plain)],
        "slices": [", ".join(plain["slices"])],
        "perturbations": [f"{one['name']:<18} {one['what']}" for one in plain["perturbations"]] or ["none"],
        "starter": [_starter(plain)],
        "files": plain["files"],
    }
    found = [f"{plain['name']}{also}", plain["summary"]]
    for title, lines in parts.items():
        found += ["", click.style(title, bold=True), *(f"  {line}" for line in lines)]
    return found


def _kind(role: str, kind: dict[str, Any]) -> list[str]:
    fields = [
        f"    {one['name']}: {one['type']}{'' if one['required'] else ' (may be left out)'}" for one in kind["fields"]
    ]
    media = f"  [{', '.join(kind['media'])}]" if kind["media"] else ""
    return [f"{role:<10} {kind['kind']}: {kind['what']}{media}", *fields]


def _call(call: dict[str, Any]) -> str:
    params = ", ".join(f"{name}={_short(value)}" for name, value in call["params"].items())
    shown = f"{call['call']}({', '.join(call['in'])})" if call["call"] != "input" else "input"
    if call["call"] == "prediction":
        pairs = zip(call["out"], call["in"], strict=True)
        return f"prediction: {', '.join(f'{field} = {variable}' for field, variable in pairs)}"
    return f"{', '.join(call['out'])} = {shown}{f'  {{{params}}}' if params else ''}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _family(family: dict[str, Any]) -> list[str]:
    if family["options"] is None:
        return [f"{family['name']} (its options: pip install '{family['hint']}')"]
    lines = [f"{family['name']} (shape {family['shape']})"]
    for source, options in family["options"].items():
        lines.append(f"    {source}: {', '.join(f'{name}={_short(value)}' for name, value in options.items())}")
    return lines


def _untaught(plain: dict[str, Any]) -> str:
    return f"none: put together from {', '.join(plain['parts'])}" if plain["parts"] else "none: it is not learnt here"


def _starter(plain: dict[str, Any]) -> str:
    starter = plain["starter"]
    if starter is None:
        return "none"
    facts = f"{starter['bytes'] / 2**20:.1f} MB, {starter['licence']}, {starter['source']}"
    return f"{starter['name']}: {facts}; modelworks predict --task {plain['name']} …"
