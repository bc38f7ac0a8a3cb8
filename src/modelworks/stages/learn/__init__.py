"""Learning: the stages `train` and `export`. The only room that imports torch and transformers, and only when run."""

from __future__ import annotations

import os
from typing import Any

from modelworks.contracts.step import Work
from modelworks.core import registry

# OpenMP reads it when torch is loaded. Threads that spin while they wait take the core from those that work: with one
# other process busy on two cores, a training step took 5.7 s spinning and 0.6 s waiting.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def train(work: Work) -> dict[str, Any]:
    """Dataset -> checkpoint. Inputs: `dataset`. Params: `task`, `train` (config.Train as plain data)."""
    return _run("training", work)


def export(work: Work) -> dict[str, Any]:
    """Checkpoint -> bundle, checked against torch. Inputs: `dataset`, `checkpoint`. Params: `task`, `name`."""
    return _run("exporting", work)


def _run(module: str, work: Work) -> dict[str, Any]:
    # By name, so that a missing torch is told as the extra that brings it.
    facts: dict[str, Any] = registry.load(f"modelworks.stages.learn.{module}:run")(work)
    return facts
