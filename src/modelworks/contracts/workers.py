"""Workers: processes on other machines that do parts of one command.

A leaf `modelworks/adapters/workers/<name>.py` sets `WORKERS`. What they do is named by strings
(`package.module:function`), and is told in plain data: nothing of ours is pickled. Workers have this Modelworks and see
the folders that the data names.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modelworks.core import config, registry
from modelworks.core.errors import ConfigError

PACKAGE = "modelworks.adapters.workers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search of parameters by Optuna."""

    space: Mapping[str, str]
    """Parameter -> distribution, as `optuna.distributions.distribution_to_json` writes it."""
    trials: int
    """In all, with those that are known."""
    at_once: int
    maximize: bool
    seed: int
    known: tuple[tuple[Mapping[str, Any], float], ...] = ()
    """(parameters, score) of trials that were made before."""


class Workers(Protocol):
    """The members of WORKERS. Failures are ModelworksErrors."""

    options: Mapping[str, Any]
    """Option -> its default; explained in the system's page of docs/systems."""

    def spread(
        self, items: str, answer: str, facts: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Generator[bytes, None, None]:
        """The answers to items, in their order, each once, whatever workers die meanwhile; memory does not grow with
        their number. Closing it stops the work.

        Args:
            items: called with the facts on one worker: an iterator of bytes, which may be asked for again.
            answer: called with the facts, once on each worker: a function of an item's bytes that gives bytes.
            facts: plain data for both.
            options: with every option that there is.
        """

    def search(
        self, trial: str, facts: Mapping[str, Any], search: Search, room: Path, options: Mapping[str, Any]
    ) -> None:
        """Make the trials: `trial` is called with (facts, a name of the trial's own, its parameters) and gives its
        score. One whose worker dies is called again by the same name, as often as the options say. `room` is a folder
        for the system's own files, which all machines see."""

    def together(self, part: str, facts: Mapping[str, Any], size: int, room: Path, options: Mapping[str, Any]) -> None:
        """`size` processes at once that do one thing, as ranks of a process group of torch.distributed, which is there
        when `part` is called with (facts, rank, size), and gone when it has returned in all of them. Where a worker
        dies all are started again, as often as the options say. A StepError when one raises. `room` is a folder for
        the system's own files, which all machines see.
        """


def find(name: str) -> Workers:
    """The workers of a name; a ConfigError with the nearest name when there are none."""
    found: Workers = registry.leaf(PACKAGE, name, "WORKERS")
    return found


def settled(name: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Options with their defaults; a ConfigError for one that is not known or is of another type."""
    known = find(name).options
    chosen = config.settled(name, known, given, where)
    for key, value in given.items():
        if not isinstance(value, type(known[key])) and not (isinstance(value, int) and isinstance(known[key], float)):
            kind = type(known[key]).__name__
            raise ConfigError(f"{key} is not of type {kind}", where=f"{where}.{key}", seen=value, allowed=kind)
    return chosen
