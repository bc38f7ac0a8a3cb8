"""`modelworks deploy`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from modelworks.contracts.deployment import Change, Deployment, Situation


@click.command()
@click.argument("name", required=False, metavar="[SYSTEM]")
@click.option("--bundle", default="champion", show_default=True, help="A channel, a folder, a .zip or a bundle's id.")
@click.option("--set", "options", metavar="KEY=VALUE", multiple=True, help="An option of the system.")
@click.option("--plan", "only_plan", is_flag=True, help="Only show what would change.")
@click.option("--undo", is_flag=True, help="Put back what stood before the last deployment.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON; needs --yes or --plan.")
def command(
    name: str | None, bundle: str, options: tuple[str, ...], only_plan: bool, undo: bool, yes: bool, as_json: bool
) -> int:
    """Put a release on another system: show what would change, do it, or undo it.

    Without SYSTEM the systems are listed, with what is deployed on each. Again it changes nothing."""
    from modelworks.cli import _deployments
    from modelworks.contracts import deployment as contract
    from modelworks.core import config

    project = config.find_project()
    if name is None:
        return _list(project, as_json)
    system = contract.find(name)
    with tempfile.TemporaryDirectory() as scratch:
        if undo:
            return _undo(system, project, options, Path(scratch), yes or _ask(f"Undo the last on {name}?", as_json))
        situation = _deployments.situation(system, project, bundle, options, Path(scratch), _teller(as_json))
        changes = system.plan(situation)
        _show(changes, situation, as_json, only_plan)
        if only_plan or not changes:
            return 0
        if not (yes or _ask("Go ahead?", as_json)):
            return 1
        _tell(_deployments.apply(system, situation), as_json)
    return 0


def _undo(system: Deployment, project: Path, options: tuple[str, ...], scratch: Path, agreed: bool) -> int:
    from modelworks.cli import _deployments

    if not agreed:
        return 1
    applied = _deployments.last(project, system.name)
    given = (*applied.options, *options)
    situation = _deployments.situation(system, project, applied.bundle, given, scratch, _teller(False))
    _tell(_deployments.undo(system, situation, applied), False)
    return 0


def _ask(question: str, as_json: bool) -> bool:
    from modelworks.core.errors import ConfigError

    if as_json or not sys.stdin.isatty():
        raise ConfigError("nobody is there to be asked", where="deploy", hint="--yes, or --plan to only look")
    return click.confirm(question)


def _teller(as_json: bool) -> Any:
    return lambda text: click.echo(f"  {text}", err=as_json)


def _show(changes: tuple[Change, ...], situation: Situation, as_json: bool, only_plan: bool) -> None:
    if as_json:
        if only_plan or not changes:
            found = [{"verb": change.verb, "what": change.what} for change in changes]
            click.echo(json.dumps({"bundle": situation.bundle_id, "version": situation.version, "changes": found}))
        return
    what = f"release {situation.version}" if situation.version else "a bundle that was not released"
    click.echo(f"{what}, bundle {situation.bundle_id[:12]}")
    for change in changes:
        click.echo(f"  {change.verb:8} {change.what}")
    if not changes:
        click.echo("  Nothing to change: it stands so already.")


def _tell(applied: dict[str, Any], as_json: bool) -> None:
    click.echo(json.dumps(applied) if as_json else f"It answers at {applied['address']}")


def _list(project: Path, as_json: bool) -> int:
    from modelworks.cli import _deployments
    from modelworks.contracts import deployment as contract
    from modelworks.core import registry

    found = [contract.find(name) for name in registry.names(contract.PACKAGE)]
    rows = [
        {"name": system.name, "summary": system.summary, "deployed": _deployments.standing(project, system.name)}
        for system in found
    ]
    if as_json:
        click.echo(json.dumps(rows))
    for row in () if as_json else rows:
        click.echo(f"{row['name']:12} {row['summary']}" + (f"\n{'':12} {row['deployed']}" if row["deployed"] else ""))
    return 0
