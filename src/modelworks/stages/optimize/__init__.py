"""Optimizing: variants of a bundle are built, checked and timed on this machine, and one is chosen."""

from __future__ import annotations

from typing import Any

import msgspec

from modelworks.contracts import task as tasks
from modelworks.contracts.step import Work
from modelworks.core.config import Optimize
from modelworks.stages.optimize.stage import Outcome, optimize

__all__ = ["Outcome", "optimize", "run"]


def run(work: Work) -> dict[str, Any]:
    """The stage: `bundle/` (the winner), `measurements.json` and `pareto.svg`, measured on the dev split."""
    from modelworks.dataset import Dataset

    data = Dataset.open(work.inputs["dataset"])
    task = tasks.find(work.params["task"])
    settings = msgspec.convert(work.params.get("optimize", {}), Optimize)
    folder = work.inputs["bundle"] / "bundle"
    outcome = optimize(folder, work.output, work.scratch, task, data.examples("dev"), settings, work.progress)
    return outcome.facts()
