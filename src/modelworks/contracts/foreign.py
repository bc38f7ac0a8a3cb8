"""Foreign: a model that another program trained. A leaf `modelworks/stages/learn/imports/<form>.py` sets `IMPORT`.

A file is *opened* as data: a leaf that would have to run code from the file refuses it (BundleError). It is then asked
twice: to answer arrays as its own framework does, and to be written as one ONNX graph. The stage puts the task's
program around both, and the bundle exists only when they answer alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from modelworks.contracts.family import Front


class Port(Struct, frozen=True, kw_only=True):
    """An input of a foreign model."""

    name: str
    dtype: str = ""
    """numpy's name of its type; empty where the file does not say."""
    shape: tuple[int | None, ...] = ()
    """None for an axis of any size; empty where the file does not say."""


class Request(Struct, frozen=True, kw_only=True):
    """What the user says of the file."""

    task: str
    labels: tuple[str, ...] = ()
    """In the order of the network's output units."""
    like: Path | None = None
    """A bundle whose program and resources are taken; for a state dict, a checkpoint whose network is."""
    python: str = ""
    """The Python that has the framework, where it is not this one's."""
    family: str = ""
    model: str = "compact"
    """Of a state dict without a checkpoint: as `train.family` and `train.model`."""
    options: dict[str, Any] = {}
    """How inputs are brought to the network (entrance.Reading), or the options of the family of a state dict."""


class Foreign(Protocol):
    """An opened model."""

    inputs: tuple[Port, ...]
    """In the order in which `run` and `export` take arrays."""
    front: Front | None
    """The body, where the file's own network has one (then `folder` holds its resources); None where the stage makes
    it from the task and the user's options."""
    folder: Path | None

    def run(self, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the model's own framework answers to one batch: its outputs, in order."""

    def export(self, path: Path, feeds: Sequence[np.ndarray]) -> None:
        """Write it as an ONNX graph with inputs in the order of `inputs`; `feeds` are an example of a batch."""


class Import(Protocol):
    """The members of IMPORT."""

    summary: str
    suffixes: tuple[str, ...]
    """Endings of file names that mean this form; empty for a form that has to be named."""

    def open(self, file: Path, request: Request, scratch: Path) -> Foreign:
        """Open a file or folder, without running code from it. `scratch` is for files that go when the import ends."""
