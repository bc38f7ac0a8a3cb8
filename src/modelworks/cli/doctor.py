"""`modelworks doctor`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

import click

EXTRAS = {
    "torch": "train", "transformers": "train", "onnx": "train", "optuna": "train", "lance": "data",
    "luigi": "luigi", "mlflow": "mlflow", "model_signing": "sign",
    "jinja2": "generation", "llguidance": "generation", "llama_cpp": "gguf", "snowballstemmer": "search",
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
    found = []
    for package, extra in EXTRAS.items():
        if importlib.util.find_spec(package) is None:
            found.append(_check(package, "note", "not installed", f"pip install 'modelworks[{extra}]' if you need it"))
        else:
            found.append(_check(package, "ok", _version(package)))
    return found


def _version(package: str) -> str:
    names = importlib.metadata.packages_distributions().get(package, [package])
    return importlib.metadata.version(names[0])


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
    checks = [_check("project", "ok", f"{settings.name} ({settings.task})")]
    if pin is None:
        return [*checks, _check("champion", "note", "none yet", "modelworks run")]
    here = paths.bundle(folder, pin.bundle).is_dir()
    seen = f"release {pin.version}, bundle {pin.bundle[:12]}" + ("" if here else ": not on this machine")
    return [
        *checks,
        _check("champion", "ok" if here else "fault", seen, "" if here else "modelworks run makes it again"),
    ]
