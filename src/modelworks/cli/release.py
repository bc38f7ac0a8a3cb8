"""`modelworks release`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from modelworks.core import config, lock


@click.group()
def command() -> None:
    """List releases, promote one, roll back, restore one."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(as_json: bool) -> int:
    """Releases of this project, newest first, and the channels that point at them."""
    import msgspec

    from modelworks.cli import _show

    project = config.find_project()
    now = lock.read(project)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(now)))
        return 0
    rows = [
        (
            pin.version, ", ".join(c for c, v in now.channels.items() if v == pin.version), pin.bundle[:12],
            pin.released, "  ".join(f"{n} {v:.4f}" for n, v in pin.scores.items()),
        )
        for pin in reversed(now.releases)
    ]  # fmt: skip
    click.echo(_show.table(("version", "channel", "bundle", "released", "scores"), rows) if rows else "No release yet.")
    if waiting := _stage().pending(project):
        click.echo(f"{len(waiting)} not yet in the registry: modelworks release sync")
    return 0


@command.command()
@click.argument("version", type=int)
@click.option("--channel", default="champion", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def promote(version: int, channel: str, as_json: bool) -> int:
    """Point a channel at a release; a running server takes it up without losing a request."""
    return _moved(_stage().promote(config.find_project(), version, channel), channel, as_json)


@command.command()
@click.option("--channel", default="champion", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def rollback(channel: str, as_json: bool) -> int:
    """Point a channel back at the release it held before."""
    return _moved(_stage().rollback(config.find_project(), channel), channel, as_json)


@command.command()
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def restore(bundle: Path, as_json: bool) -> int:
    """Bring a released BUNDLE back from a folder or a .zip, as into a fresh clone; no channel moves."""
    pin = _stage().restore(config.find_project(), bundle)
    said = f"Release {pin.version} is on this machine (bundle {pin.bundle[:12]})."
    click.echo(json.dumps({"version": pin.version, "bundle": pin.bundle}) if as_json else said)
    return 0


@command.command()
@click.option("--quiet", is_flag=True, help="Say nothing unless something fails.")
def sync(quiet: bool) -> int:
    """Tell the registry what it was not told yet."""
    failed = _stage().sync(config.find_project(), (lambda text: None) if quiet else click.echo)
    for entry in failed:
        click.echo(f"{entry.registry} {entry.key[:12]}: {entry.error}", err=True)
    return 1 if failed else 0


def _stage() -> Any:
    from modelworks.stages import release

    return release


def _moved(pin: lock.Pin, channel: str, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"channel": channel, "version": pin.version, "bundle": pin.bundle}))
    else:
        click.echo(f"{channel} is release {pin.version} (bundle {pin.bundle[:12]}).")
    return 0
