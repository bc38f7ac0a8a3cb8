"""`modelworks why`."""

from __future__ import annotations

import json

import click

from modelworks.cli import _project


@click.command()
@click.argument("name", metavar="STEP")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Override a key of modelworks.yaml.")
@click.option("--json", "as_json", is_flag=True, help="Print the ingredients and changes as JSON.")
def command(name: str, overrides: tuple[str, ...], as_json: bool) -> int:
    """Say why a step would run, or would not."""
    import msgspec

    from modelworks.pipeline import explain

    _, executor = _project.executor(overrides)
    answer = explain.why(executor, name)
    click.echo(json.dumps(msgspec.to_builtins(answer), ensure_ascii=False) if as_json else explain.words(answer))
    return 0
