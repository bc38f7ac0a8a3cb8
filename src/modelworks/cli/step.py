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

    Its inputs must be in the store. Exit code 1: the step is a release that the gate refused. A step that the plan
    lacks for now (`champion`, before a first release) has nothing to do."""
    from modelworks import lifecycle

    with _show.progress() as progress:
        settings, executor = _project.executor(overrides, progress)
        if executor.plan.step(name) is None and name in lifecycle.order(settings):
            nothing = json.dumps({"step": name, "key": None, "hit": True, "facts": {}})
            click.echo(nothing if as_json else f"{name}: not in the plan for now: nothing to do")
            return 0
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
