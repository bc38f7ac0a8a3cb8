"""`modelworks gc`."""

from __future__ import annotations

import click

from modelworks.cli import _project


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def command(dry_run: bool) -> int:
    """Remove artifacts that nothing refers to.

    Kept: what the present plan refers to, and what that was made from. Released bundles are never removed."""
    _, executor = _project.executor()
    live = [(step.name, executor.keys[step.name]) for step in executor.plan.steps]
    gone = executor.store.collect(live, dry_run=dry_run)
    freed = sum(size for _, _, size in gone)
    for step, key, size in gone:
        click.echo(f"{step} {key[:12]} {size / 1e6:.1f} MB")
    click.echo(f"{len(gone)} artifacts, {freed / 1e6:.1f} MB {'would be ' if dry_run else ''}removed.")
    return 0
