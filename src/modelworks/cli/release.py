"""`modelworks release`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from modelworks.core import config, lock
from modelworks.core.errors import ConfigError


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
        for entry in waiting:
            click.echo(f"  {entry.registry} {entry.key[:12]}: {entry.error or 'on its way'}")
    return 0


@command.command()
@click.argument("version", type=int)
@click.option("--channel", default="champion", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def promote(version: int, channel: str, as_json: bool) -> int:
    """Point a channel at a release; a running server takes it up without losing a request."""
    project = config.find_project()
    return _moved(project, _stage().promote(project, version, channel), channel, as_json)


@command.command()
@click.option("--channel", default="champion", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def rollback(channel: str, as_json: bool) -> int:
    """Point a channel back at the release it held before."""
    project = config.find_project()
    return _moved(project, _stage().rollback(project, channel), channel, as_json)


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
@click.option("--due", is_flag=True, help="Pass over what the registry refused, unless it takes something else now.")
def sync(quiet: bool, due: bool) -> int:
    """Tell the registry what it was not told yet."""
    failed = _stage().sync(config.find_project(), (lambda text: None) if quiet else click.echo, due)
    for entry in failed:
        click.echo(f"{entry.registry} {entry.key[:12]}: {entry.error}", err=True)
    return 1 if failed else 0


@command.command()
@click.argument("url")
def webhook(url: str) -> int:
    """Have the registry call URL when a version or a channel changes.

    The calls are signed with the secret in MODELWORKS_WEBHOOK_SECRET, where it is set. The same URL again changes the
    secret."""
    project = config.find_project()
    settings = config.load_project(project)
    stage, secret = _stage(), os.environ.get("MODELWORKS_WEBHOOK_SECRET", "")
    uri = stage.uri_of(project, settings.release.uri)
    click.echo(stage.sink_of(settings.release.registry).webhook(uri, settings.name, url, secret))
    return 0


def _stage() -> Any:
    from modelworks.stages import release

    return release


def _moved(project: Path, pin: lock.Pin, channel: str, as_json: bool) -> int:
    _tell_registry(project, channel)
    if as_json:
        click.echo(json.dumps({"channel": channel, "version": pin.version, "bundle": pin.bundle}))
    else:
        click.echo(f"{channel} is release {pin.version} (bundle {pin.bundle[:12]}).")
    return 0


def _tell_registry(project: Path, channel: str) -> None:
    """In the background. What stands in its way (a damaged modelworks.yaml) must not hinder a rollback."""
    stage = _stage()
    try:
        settings = config.load_project(project)
    except ConfigError as error:
        click.echo(f"the registry was not told: {error.message}", err=True)
        return
    stage.put_moved(project, settings.name, settings.release, channel)
    stage.start(project)
