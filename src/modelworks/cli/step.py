"""`modelworks step`."""

from __future__ import annotations

import json

import click

from modelworks.cli import _project, _show


@click.command()
@click.argument("name")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Override a key of modelworks.yaml.")
@click.option("--force", is_flag=True, help="Make it again even if nothing changed.")
@click.option("--json", "as_json", is_flag=True, help="Print the artifact's record as JSON.")
def command(name: str, overrides: tuple[str, ...], force: bool, as_json: bool) -> int:
    """Run one step of the plan (what engines call).

    Its inputs must be in the store. Exit code 1: the step is a release that the gate refused."""
    from modelworks import lifecycle

    with _show.progress() as progress:
        _, executor = _project.executor(overrides, progress)
        executor.step(name)
        if force:
            executor.force(name)
        hit = executor.done(name)
        record = executor.execute(name)
        lifecycle.share_bundles(executor.project, executor.store)
    if as_json:
        click.echo(json.dumps({"step": name, "key": record.key, "hit": hit, "facts": record.facts}, ensure_ascii=False))
    else:
        click.echo(f"{name}: {'in the store' if hit else f'made in {record.seconds:.1f} s'} ({record.key[:12]})")
        for fact, value in record.facts.items():
            click.echo(f"  {fact}: {value}")
    return 0
