"""What was deployed where: a ledger a system in `.modelworks/deployments/`, newest last, so that each can be undone."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.bundle import open_manifest
from modelworks.cli import _bundles, _targets
from modelworks.contracts.deployment import Deployment, Situation
from modelworks.core import config, files, lock, paths
from modelworks.core.errors import ConfigError


class Applied(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One deployment."""

    bundle: str
    """A bundle's id, or the path that was given."""
    version: int
    options: tuple[str, ...]
    facts: dict[str, Any]
    """What `Deployment.apply` gave."""
    at: str
    """UTC time, ISO 8601."""


def situation(
    system: Deployment, project: Path, bundle: str, options: tuple[str, ...], scratch: Path, say: Callable[[str], None]
) -> Situation:
    """All that a deployment may know of this project and bundle."""
    _targets.check_options(config.load_project(project))
    folder = _bundles.resolve(bundle, project)
    if not folder.is_dir():
        raise ConfigError("a bundle must be a folder to be deployed", seen=bundle, hint="unzip it first")
    manifest = open_manifest(folder)
    pin = next((pin for pin in lock.read(project).releases if pin.bundle == manifest.id), None)
    return Situation(
        facts=_targets.facts(project, system.name, system.options, options), project=project, bundle=folder,
        bundle_id=manifest.id, version=pin.version if pin else 0,
        files=_targets.files(project, system.name, options), scratch=scratch, say=say,
    )  # fmt: skip


def apply(system: Deployment, situation: Situation) -> dict[str, Any]:
    """Deploy, and enter it in the ledger."""
    facts = system.apply(situation)
    given = tuple(f"{key}={value}" for key, value in situation.facts.options.items())
    entry = Applied(
        bundle=situation.bundle_id if situation.version else str(situation.bundle), version=situation.version,
        options=given, facts=facts, at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    _write(situation.project, system.name, [*_read(situation.project, system.name), entry])
    return facts


def undo(system: Deployment, situation: Situation, applied: Applied) -> dict[str, Any]:
    """Put back what stood before the last deployment, and strike it from the ledger."""
    facts = system.undo(situation, applied.facts)
    _write(situation.project, system.name, _read(situation.project, system.name)[:-1])
    return facts


def last(project: Path, name: str) -> Applied:
    """The newest entry of a system's ledger."""
    found = _read(project, name)
    if not found:
        raise ConfigError(f"nothing was deployed on {name} from here", where=str(_path(project, name)))
    return found[-1]


def standing(project: Path, name: str) -> str:
    """What the ledger says stands on a system now, in words; empty when nothing does."""
    found = _read(project, name)
    return f"release {found[-1].version} since {found[-1].at}, {found[-1].facts['address']}" if found else ""


def _read(project: Path, name: str) -> list[Applied]:
    path = _path(project, name)
    return msgspec.json.decode(path.read_bytes(), type=list[Applied]) if path.is_file() else []


def _write(project: Path, name: str, entries: list[Applied]) -> None:
    files.write_bytes(_path(project, name), msgspec.json.format(msgspec.json.encode(entries), indent=1))


def _path(project: Path, name: str) -> Path:
    return paths.home(project) / "deployments" / f"{name}.json"
