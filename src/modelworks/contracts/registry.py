"""Registry: where runs and releases are recorded. A leaf `modelworks/adapters/registries/<name>.py` sets `REGISTRY`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from modelworks.contracts.check import Finding
from modelworks.core.errors import ModelworksError


class RegistryError(ModelworksError):
    """A registry that does not answer, or not as itself: worth trying again later."""

    code = "registry"


class Refused(RegistryError):
    """A registry that answers, and says no (a credential, a permission): trying again alone changes nothing."""

    code = "registry-refused"


class Data(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The dataset a run was made from."""

    name: str
    digest: str
    """The dataset's id, 64 hexadecimal digits."""
    source: str
    """Where it came from, as the project's file says."""
    columns: tuple[str, ...] = ()
    """Names of the kinds of input and target."""
    splits: dict[str, int] = {}


class Run(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is recorded of one run: flat parameters, final figures, curves (name -> [(step, value)]), files."""

    project: str
    name: str
    params: Mapping[str, Any] = {}
    metrics: Mapping[str, float] = {}
    curves: Mapping[str, Sequence[tuple[int, float]]] = {}
    machine: Mapping[str, Sequence[tuple[float, float]]] = {}
    """Of the machine meanwhile: name -> [(seconds since `started`, value)]."""
    tags: Mapping[str, str] = {}
    """`key` identifies the run; `commit` is that of the project's Git repository."""
    description: str = ""
    data: Data | None = None
    started: float = 0
    """Seconds since 1970; 0 where it is not known."""
    seconds: float = 0
    files: tuple[str, ...] = ()
    """Paths; those that are gone are left out."""
    children: tuple[Run, ...] = ()
    """Parts of this run, told apart by tags[`key`]; their `project` is this one's."""


class Registry(Protocol):
    """The members of REGISTRY. Each raises Refused or RegistryError, or what its client raises, and is safe to repeat
    after it failed halfway."""

    def record(self, uri: str, run: Run) -> str:
        """Store a run with its children; its identifier. The same tags[`key`] is the same run."""

    def register(
        self, uri: str, run_id: str, project: str, bundle: Path, tags: Mapping[str, str], description: str = ""
    ) -> str:
        """Store a bundle as a version of the project's model; its name, as `mlflow:incidents/3`. The same
        tags[`bundle`] is the same version."""

    def find(self, uri: str, project: str, bundle: str) -> str | None:
        """Name of the version that holds a bundle (by its id), or None."""

    def alias(self, uri: str, version: str, channel: str) -> None:
        """Point a channel at a version."""

    def check(self, uri: str) -> Finding:
        """Whether the registry can be reached and lets us write."""

    def webhook(self, uri: str, project: str, url: str, secret: str) -> str:
        """Have `url` called (signed with `secret` unless it is empty) when a version or a channel changes; what was
        done, in words. The same URL again changes the secret."""
