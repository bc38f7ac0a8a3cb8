"""Deployment: a system on which a release is put (`modelworks deploy NAME`).

A leaf `modelworks/adapters/deployments/<name>.py` sets `DEPLOYMENT`. It looks at the system, says what it would change,
changes it, and can put back what stood before. It knows no task: what it deploys is the serving image with a bundle, by
the files that the target of the same name writes. Doing it twice changes nothing the second time; a deployment that
fails midway leaves what answered before answering.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from msgspec import Struct

from modelworks.contracts.check import Finding
from modelworks.contracts.target import Facts, File
from modelworks.core import registry

PACKAGE = "modelworks.adapters.deployments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is to be deployed, and by what."""

    facts: Facts
    """The project; `facts.options` are the deployment's own, with the user's."""
    project: Path
    bundle: Path
    """The folder of the bundle, verified."""
    bundle_id: str
    """64 hexadecimal digits; its first twelve name images and objects."""
    version: int
    """Number of the release; 0 for a bundle that was not released."""
    files: tuple[File, ...] = ()
    """What `modelworks export` writes for the target of this name; empty where there is none."""
    scratch: Path
    """An empty folder for this call."""
    say: Callable[[str], None] = field(default=lambda text: None)
    """A line for the reader while it works."""


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that would be different."""

    verb: Literal["create", "update", "replace", "delete", "run"]
    what: str
    """As `Deployment ml/incidents`, with what changes in it where that can be told."""


class Deployment(Protocol):
    """The members of DEPLOYMENT. Failures are ModelworksErrors; every wait has an end."""

    name: str
    summary: str
    options: Mapping[str, str]
    """Option -> its default; explained in the system's page of docs/systems. Secrets are never options: the system's
    own client finds them."""

    def plan(self, situation: Situation) -> tuple[Change, ...]:
        """What would be changed, by a look at the system; empty when it stands so already. Changes nothing."""

    def apply(self, situation: Situation) -> dict[str, Any]:
        """Make it so and wait until it answers. Gives plain data: `address` (a URL, or words that lead to one) and
        whatever `undo` needs to find what stood before."""

    def undo(self, situation: Situation, applied: Mapping[str, Any]) -> dict[str, Any]:
        """Put back what stood before `applied`, or remove it where nothing stood; plain data with `address`."""

    def check(self, options: Mapping[str, str]) -> Finding:
        """Whether the system can be reached and lets us work."""


def find(name: str) -> Deployment:
    """The deployment of a name; a ConfigError with the nearest name when there is none."""
    found: Deployment = registry.leaf(PACKAGE, name, "DEPLOYMENT")
    return found
