"""Registry: where runs and releases are recorded. A leaf `modelworks/adapters/registries/<name>.py` sets `REGISTRY`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modelworks.contracts.check import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is recorded of one run: flat parameters, final figures, curves (name -> [(step, value)]), files."""

    project: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


class Registry(Protocol):
    """The members of REGISTRY."""

    def record(self, uri: str, run: Run) -> str:
        """Store a run; its identifier. Safe to repeat: the same tags[`key`] is the same run."""

    def register(self, uri: str, run_id: str, project: str, bundle: Path, tags: Mapping[str, str]) -> str:
        """Store a bundle as a version of the project's model; its name, as `mlflow:incidents/3`."""

    def alias(self, uri: str, version: str, channel: str) -> None:
        """Point a channel at a version."""

    def check(self, uri: str) -> Finding:
        """Whether the registry can be reached and lets us write."""
