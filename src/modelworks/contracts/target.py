"""Target: an outside system for which a project's files are written (`modelworks export NAME`).

A leaf `modelworks/adapters/targets/<name>.py` sets `TARGET`. A target knows no task and no stage: the files it writes
call `modelworks step NAME` (or `run`), or run the serving image. It is a pure function of the project: same project,
same bytes, so that `--check` can tell when the files in Git are stale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelworks.core import registry

PACKAGE = "modelworks.adapters.targets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a target may know of a project."""

    name: str
    """The project's name: letters, digits, `-` and `_`."""
    settings: Mapping[str, Any]
    """`modelworks.yaml` as plain data, defaults filled in."""
    requirement: str
    """What pip installs to have this version, as `modelworks==0.1.0`."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The target's options, with what the user set; every key is one of `Target.options`."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Of these, what the user set with `--set`: it stands in the files, so that `--check` can repeat it."""
    steps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Step -> the steps that must be done before it, in an order in which each comes after those; the same before and
    after a first release (`modelworks step NAME` has nothing to do where the plan lacks a step for now)."""

    @property
    def label(self) -> str:
        """The project's name as Docker, Kubernetes and clouds write names: small letters, digits and `-`, at most 50,
        with no `-` at its ends."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())[:50].strip("-") or "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A text file, by its path relative to the project's folder (with `/`)."""

    path: str
    text: str
    executable: bool = False
    block: bool = False
    """The text is a block of lines in a file that is the user's as well: from a line with `MARK` to its last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One system."""

    name: str
    summary: str
    files: Callable[[Facts], tuple[File, ...]]
    """The files, commented; each holds `MARK` in a comment where its form has comments."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Option -> its default; every one is explained in the target's page of docs/systems."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Option -> its values, for an option that has a few; any other text is refused before `files` is called."""
    needs: str = ""
    """What a project must say where `files` gives none without it."""
    next_: str = ""
    """A line that says what to do with the files."""


MARK = "made by `modelworks export"
"""Stands in a comment of every file; a file without it was not made here, and is never overwritten."""


def find(name: str) -> Target:
    """The target of a name; a ConfigError with the nearest name when there is none."""
    found: Target = registry.leaf(PACKAGE, name, "TARGET")
    return found
