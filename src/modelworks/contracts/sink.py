"""Sink: a system to which the server's records are sent (`serve.sinks` in modelworks.yaml).

A leaf `modelworks/adapters/sinks/<name>.py` sets `SINK`. Credentials come from environment variables, never from
modelworks.yaml. The record files on disk are the buffer: a sink holds nothing back, starts no thread, and tries nothing
again by itself; whoever calls it keeps a document until the sink has said what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from modelworks.contracts.check import Finding
from modelworks.core import config, registry
from modelworks.core.errors import ModelworksError

PACKAGE = "modelworks.adapters.sinks"


class Document(NamedTuple):
    """One record."""

    id: str
    """Unique; the same document always has the same, so that a sink can know what it has already."""
    body: bytes
    """One JSON object, without a newline."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch, by position in it. What is not named here has arrived, now or before."""

    refused: Mapping[int, str]
    """Documents that the system will never take, and why."""
    again: tuple[int, ...] = ()
    """Documents that it could not take now."""
    reason: str = ""
    """Why not."""
    known: int = 0
    """How many it had already."""


class SinkError(ModelworksError):
    """A whole batch was not taken: the system is away, busy, or refuses us. The documents are fine."""

    code = "sink"

    def __init__(self, message: str, *, too_large: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.too_large = too_large
        """Less at once may be taken."""


class Door(Protocol):
    """A place in a system that takes documents. One thread uses it."""

    def send(self, batch: Sequence[Document]) -> Outcome:
        """Hand over a batch; a document that is there already must not come to be there twice. SinkError when nothing
        is known of any of them, within seconds."""

    def close(self) -> None:
        """Let go of connections."""


class Sink(Protocol):
    """The members of SINK. `options` holds all the sink's options, as `settled` gives them."""

    options: Mapping[str, Any]
    """Option -> its default (explained in the sink's page of docs/systems)."""

    def open(self, project: str, options: Mapping[str, Any]) -> Door:
        """The door for a project's records. ConfigError for an option that cannot be; nothing is asked of the system
        yet, so that a server starts while it is away."""

    def check(self, project: str, options: Mapping[str, Any]) -> Finding:
        """Whether the system is there, fits, and takes our credentials."""


def find(name: str) -> Sink:
    """The sink of a name; a ConfigError with the nearest name when there is none."""
    found: Sink = registry.leaf(PACKAGE, name, "SINK")
    return found


def settled(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A sink's defaults with the given options over them; a ConfigError for an option that it has not."""
    return config.settled(name, find(name).options, given, where=f"serve.sinks.{name}")
