"""`modelworks starters`."""

from __future__ import annotations

import json

import click


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the bundles that answer without training; build or remove one."""
    if ctx.invoked_subcommand is not None:
        return
    import msgspec

    from modelworks import starters
    from modelworks.cli import _show

    found = starters.listed()
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found)))
        return
    rows = [
        (one.name, ", ".join(one.tasks), f"{one.bytes / 2**20:.1f} MB", one.licence, one.source,
         "ready" if one.ready else "is built at first use")
        for one in found
    ]  # fmt: skip
    click.echo(_show.table(("starter", "tasks", "size", "licence", "from", ""), rows))


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def build(name: str, as_json: bool) -> None:
    """Build a starter that is made from a package of weights, so that its first use need not wait."""
    from modelworks import starters
    from modelworks.cli import _show

    with _show.progress() as progress:
        path = starters.find(name, progress)
    click.echo(json.dumps({"name": name, "bundle": str(path)}) if as_json else str(path))


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def remove(name: str, as_json: bool) -> None:
    """Take a built starter out of the user's cache."""
    from modelworks import starters

    removed = starters.remove(name)
    said = f"removed {name}" if removed else f"{name} is not in the cache"
    click.echo(json.dumps({"name": name, "removed": removed}) if as_json else said)
