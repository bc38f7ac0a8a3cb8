"""`modelworks gc`."""

from __future__ import annotations

import click

from modelworks.cli import _project


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--shared", is_flag=True, help="From the store that machines share, not from this machine.")
@click.option(
    "--days", type=click.FloatRange(min=1), default=30, show_default=True, help="Age from which --shared acts."
)
def command(dry_run: bool, shared: bool, days: float) -> int:
    """Remove artifacts that nothing refers to.

    Kept: what the present plan refers to, and what that was made from. Released bundles are never removed. The store
    that machines share also holds what others work on: give --days long enough; what is removed is made again."""
    _, executor = _project.executor()
    live = [(step.name, executor.keys[step.name]) for step in executor.plan.steps]
    if shared:
        garbage = executor.store.shared_garbage(live, days)
        gone, freed = [f"{step} {key[:12]}" for step, key in garbage.artifacts], garbage.bytes
        if not dry_run:
            executor.store.discard(garbage)
    else:
        found = executor.store.collect(live, dry_run=dry_run)
        gone = [f"{step} {key[:12]} {size / 1e6:.1f} MB" for step, key, size in found]
        freed = sum(size for *_, size in found)
    for line in gone:
        click.echo(line)
    click.echo(f"{len(gone)} artifacts, {freed / 1e6:.1f} MB {'would be ' if dry_run else ''}removed.")
    return 0
