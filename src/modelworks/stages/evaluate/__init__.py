"""Evaluation: what a bundle scores on the test split, with uncertainty; and the gate, which decides on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts import task as tasks
from modelworks.contracts.step import Work
from modelworks.core import files
from modelworks.core.config import Evaluate
from modelworks.stages.evaluate import statistics
from modelworks.stages.evaluate.measure import Evaluation, evaluate, open_predictor
from modelworks.stages.evaluate.slices import UNKNOWN

__all__ = ["Evaluation", "evaluate", "run", "write"]

REPORT, EXAMPLES = "report.json", "examples.json"


def run(work: Work) -> dict[str, Any]:
    """The stage: `report.json`, `statistics.npz` and `examples.json` of `bundle` on the test split of `dataset`."""
    from modelworks.dataset import Dataset

    data = Dataset.open(work.inputs["dataset"])
    task = tasks.find(work.params["task"])
    settings = msgspec.convert(work.params.get("evaluate", {}), Evaluate)
    predictor = open_predictor(bundle_in(work.inputs["bundle"]))
    known = None
    if UNKNOWN in task.slices:
        known = {word for example in data.examples("train") for word in example.input.words()}
    found = evaluate(predictor, task, lambda: data.examples("test"), settings, work.progress, known)
    found.report.update(dataset=data.id, split="test")
    write(found, work.output)
    return facts(found.report)


def bundle_in(folder: Path) -> Path:
    """The bundle of an artifact folder, or the folder itself when it is one (a kept champion)."""
    return folder / "bundle" if (folder / "bundle").is_dir() else folder


def write(found: Evaluation, folder: Path) -> None:
    """Write an evaluation as the payload of a report artifact."""
    files.write_bytes(folder / REPORT, msgspec.json.format(msgspec.json.encode(found.report), indent=2) + b"\n")
    files.write_bytes(folder / EXAMPLES, msgspec.json.encode(found.examples))
    statistics.save(found.table, folder)


def facts(report: dict[str, Any]) -> dict[str, Any]:
    """What the user is shown of a report at once."""
    names = ("value", "low", "high")
    return {
        "examples": report["examples"],
        "primary": report["primary"],
        "scores": {name: {part: score[part] for part in names} for name, score in report["scores"].items()},
        "found_slices": [f"{one['column']}: {one['value']}" for one in report["slices"] if one.get("found")],
    }
