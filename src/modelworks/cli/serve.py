"""`modelworks serve`: answer over HTTP."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from modelworks.cli._attach import ATTACH, attached


@click.command()
@click.argument("bundle", default="champion", envvar="MODELWORKS_BUNDLE")
@click.option("--host", help="Address to listen on.  [default: the project's, else 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.  [default: 8080]")
@click.option("--lanes", type=click.IntRange(0), help="Threads that run the model; 0 chooses by the machine.")
@click.option("--records/--no-records", default=None, help="Write what is asked and answered to .modelworks/records/.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "ecs"]),
    default="text",
    show_default=True,
    envvar="MODELWORKS_LOG",
    show_envvar=True,
    help="ecs: events and every request as JSON lines of the Elastic Common Schema, on stderr.",
)
@ATTACH
@click.option("--json", "as_json", is_flag=True, help="Say where it listens as one JSON line.")
def command(bundle: str, attach: tuple[str, ...], as_json: bool, log_format: str, **given: Any) -> None:
    """Serve a bundle or the champion over HTTP.

    BUNDLE is a folder, a .zip, a channel or the start of a bundle's id. A server on a channel follows
    it: when a release is promoted, it changes the model without losing a request. SIGTERM drains.

    For containers, MODELWORKS_BUNDLE names the bundle, and MODELWORKS_SERVE is the section `serve` of
    modelworks.yaml as JSON; what is written on the command line comes first. SageMaker and Vertex AI
    say by themselves where the model is and where to listen.
    """
    from modelworks.core import config, paths
    from modelworks.serve import logs
    from modelworks.serve.server import Server, serve
    from modelworks.serve.surroundings import platform

    folder = _project()
    project = config.load_project(folder) if folder else None
    given_by = platform(os.environ)
    if given_by.model and click.get_current_context().get_parameter_source("bundle") is not ParameterSource.COMMANDLINE:
        bundle = _given(given_by.model)
    settings = project.serve if project else config.Serve()
    settings = config.serve_of(os.environ.get("MODELWORKS_SERVE", ""), settings, where="MODELWORKS_SERVE")
    chosen = {"port": given_by.port or None} | {k: v for k, v in given.items() if v is not None}
    settings = msgspec.structs.replace(settings, **{k: v for k, v in chosen.items() if v is not None})
    records = paths.records(folder) if folder else None
    source = replace(_source(bundle, folder), attach=attached(attach))
    shipping = _shipping(folder, project.name if project else "", settings) if settings.sinks else None
    said = _quiet if log_format == "ecs" and not as_json else _Started(as_json)  # the log says it
    with logs.written(log_format, project.name if project else "modelworks") as access:
        server = Server(source, settings, records=records, shipping=shipping, access=access, platform=given_by)
        serve(server, said)


def _shipping(folder: Path | None, project: str, settings: Any) -> Any:
    """What sends records on; None, said aloud, outside of a project: records lie in its folder."""
    from modelworks.core import paths
    from modelworks.core.errors import ConfigError
    from modelworks.serve.shipping import Shipping

    if not settings.records:
        raise ConfigError("there are no records to send to serve.sinks", where="serve.records", allowed="true")
    if folder is None:
        click.echo("serve.sinks is left out: records are written and sent on in a project's folder alone", err=True)
        return None
    return Shipping(paths.records(folder), project, settings.sinks)


def _project() -> Path | None:
    from modelworks.core import config
    from modelworks.core.errors import ConfigError

    try:
        return config.find_project()
    except ConfigError:
        return None


def _given(model: str) -> str:
    """The bundle among the files that a platform gives: in a folder, or in a bucket that is copied first."""
    import atexit
    import shutil
    import tempfile

    from modelworks.contracts.objects import open_objects
    from modelworks.core.files import contained
    from modelworks.serve.surroundings import bundle_in

    folder = Path(model)
    if "://" in model:
        folder = Path(tempfile.mkdtemp(prefix="modelworks-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        objects = open_objects(model)
        for one in objects.find(""):
            target = contained(folder, one.key)
            target.parent.mkdir(parents=True, exist_ok=True)
            objects.get(one.key, target)
    return str(bundle_in(folder))


def _source(bundle: str, folder: Path | None) -> Any:
    from modelworks.cli._bundles import brought, resolve
    from modelworks.core import lock
    from modelworks.serve.models import Source

    if folder and (pin := lock.read(folder).pin(bundle)):
        brought(folder, pin.bundle)
        return Source(project=folder, channel=bundle)
    return Source(path=resolve(bundle, folder))


def _quiet(address: str, served: Any) -> None:
    """Say nothing."""


class _Started:
    """Says, once, where the server listens and how to ask it."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def __call__(self, address: str, served: Any) -> None:
        from modelworks.kinds.base import named

        manifest = served.manifest
        if self._as_json:
            facts = {"url": address, "bundle": manifest.id, "name": manifest.name, "version": served.version}
            click.echo(msgspec.json.encode(facts).decode())
            return
        labels = ", ".join(manifest.labels[:8]) + (" …" if len(manifest.labels) > 8 else "")
        ask = _ask(named(manifest.input))
        click.echo(f"serving {manifest.name} ({manifest.task}), bundle {manifest.id[:12]}, at {address}")
        if labels:
            click.echo(f"  labels   {labels}")
        click.echo(f"  try      {address}/docs\n  ask      curl {address}/predict {ask}")


def _ask(kind: Any) -> str:
    """curl's arguments for an input: a file for kinds of bytes, else the kind's sample as JSON."""
    from fnmatch import fnmatch

    if kind.media and not any(fnmatch("text/plain", media) for media in kind.media):
        return f"-H 'content-type: {kind.media[0]}' --data-binary @FILE"
    sample = msgspec.json.encode(kind.sample).decode().replace("'", "\\u0027")
    return f"-d '{sample}'"
