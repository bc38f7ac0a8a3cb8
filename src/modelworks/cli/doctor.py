"""`modelworks doctor`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

EXTRAS = {
    "torch": "train", "transformers": "train", "onnx": "train", "optuna": "train", "lance": "data",
    "tensorboard": "tensorboard", "luigi": "luigi", "mlflow": "mlflow", "model_signing": "sign",
    "jinja2": "generation", "llguidance": "generation", "gguf": "gguf", "llama_cpp": "gguf",
    "snowballstemmer": "search",
    "grafana_foundation_sdk": "grafana",
    "elastic_transport": "elastic",
}  # fmt: skip


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> int:
    """Check the installation and the project.

    Exit code 1 when something that the project needs is missing or broken."""
    checks = [*_machine(), *_packages(), *_project()]
    if as_json:
        click.echo(json.dumps(checks))
    else:
        for check in checks:
            mark = {"ok": "✓", "note": "·", "fault": "✗"}[check["state"]]
            click.echo(f"{mark} {check['what']}: {check['seen']}" + (f"\n    {check['next']}" if check["next"] else ""))
    return int(any(check["state"] == "fault" for check in checks))


def _check(what: str, state: str, seen: str, next_: str = "") -> dict[str, str]:
    return {"what": what, "state": state, "seen": seen, "next": next_}


def _machine() -> list[dict[str, str]]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return [
        _check("python", "ok", platform.python_version()),
        _check("cores", "ok", str(len(os.sched_getaffinity(0)))),
        _check("free disk", "ok" if free > 2 else "fault", f"{free:.1f} GB", "" if free > 2 else "free some space"),
    ]


def _packages() -> list[dict[str, str]]:
    found, distributions = [], importlib.metadata.packages_distributions()  # a second's work: asked for once
    for package, extra in EXTRAS.items():
        if importlib.util.find_spec(package) is None:
            found.append(_check(package, "note", "not installed", f"pip install 'modelworks[{extra}]' if you need it"))
        else:
            (name, *_) = distributions.get(package, [package])
            found.append(_check(package, "ok", importlib.metadata.version(name)))
    return found


def _systems(folder: Path, settings: Any) -> list[dict[str, str]]:
    """What each outside system that the project names says of itself."""
    from modelworks.contracts import deployment, objects
    from modelworks.core import config, paths, registry

    engine = config.engine(settings)
    uri = settings.release.uri or f"sqlite:///{paths.home(folder) / 'mlflow.db'}"
    asked = [
        lambda: registry.leaf("modelworks.adapters.engines", engine.name, "ENGINE").check(engine.options),
        lambda: registry.leaf("modelworks.adapters.registries", settings.release.registry, "REGISTRY").check(uri),
    ]
    if settings.store:
        asked.append(lambda: objects.open_objects(settings.store).check())
    for name in sorted({*settings.targets} & {*registry.names(deployment.PACKAGE)}):
        asked.append(partial(_deployment, name, settings.targets[name]))
    for name, given in settings.serve.sinks.items():
        asked.append(partial(_sink, settings.name, name, given))
    return [_asked(ask) for ask in asked]


def _deployment(name: str, given: dict[str, Any]) -> Any:
    from modelworks.contracts import deployment

    system = deployment.find(name)
    return system.check({**system.options, **{key: str(value) for key, value in given.items()}})


def _sink(project: str, name: str, given: dict[str, Any]) -> Any:
    from modelworks.contracts import sink

    return sink.find(name).check(project, sink.settled(name, given))


def _asked(ask: Callable[[], Any]) -> dict[str, str]:
    from modelworks.core.errors import ModelworksError

    try:
        found = ask()
    except ModelworksError as error:
        return _check("a system", "fault", error.message, error.hint)
    return _check(found.what, found.state, found.seen, found.next)


def _project() -> list[dict[str, Any]]:
    from modelworks.core import config, lock, paths
    from modelworks.core.errors import ConfigError, ModelworksError

    try:
        folder = config.find_project()
    except ConfigError:
        return [_check("project", "note", "none here", "modelworks init TASK --data FILES")]
    try:
        settings = config.load_project(folder)
        pin = lock.read(folder).pin("champion")
    except ModelworksError as error:
        return [_check("project", "fault", str(error))]
    checks = [_check("project", "ok", f"{settings.name} ({settings.task})"), *_systems(folder, settings)]
    if pin is None:
        return [*checks, _check("champion", "note", "none yet", "modelworks run")]
    here = paths.bundle(folder, pin.bundle).is_dir()
    seen = f"release {pin.version}, bundle {pin.bundle[:12]}" + ("" if here else ": not on this machine")
    return [
        *checks,
        _check("champion", "ok" if here else "fault", seen, "" if here else "modelworks run makes it again"),
    ]
