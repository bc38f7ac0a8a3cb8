"""The starter of question answering on the articles that its recipe holds back, with and without an answer.

python benchmarks/reader.py [BUNDLE]      another bundle of question-answering, on the same questions

Makes the questions as the recipe does (examples/starters/question-answering), splits them by the same seed, asks the
bundle through the Predictor, and writes benchmarks/results/reader.json: answer F1 and exact match with 95 % bootstrap
intervals, over all dev questions, over those that have an answer, and over those that have none. The dev articles were
not trained on; where a training is scored on them several times, they choose its weights.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
import msgspec

from modelworks import starters
from modelworks.bundle import Predictor
from modelworks.contracts import metric as metrics
from modelworks.contracts import task as tasks
from modelworks.contracts.step import Work
from modelworks.core.config import load_project
from modelworks.core.progress import Silent
from modelworks.dataset import Dataset
from modelworks.stages import prepare
from modelworks.stages.evaluate.intervals import interval

RECIPE = Path(__file__).parents[1] / "examples/starters/question-answering"
TASK = "question-answering"


def main() -> None:
    bundle = Path(sys.argv[1]) if len(sys.argv) > 1 else starters.of_task(TASK)
    subprocess.run([sys.executable, str(RECIPE / "unanswerable.py")], check=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Dataset.open(prepared(Path(folder)))
        examples, labels = list(data.examples("dev")), data.labels
    predictor = Predictor.open(bundle)
    answers = predictor.predict([example.input for example in examples])
    parts = {
        name: [(e, a) for e, a in zip(examples, answers, strict=True) if name in ("all", e.meta["answerable"])]
        for name in ("all", "yes", "no")
    }
    report = {
        "command": "python benchmarks/reader.py", "bundle": predictor.manifest.id,
        "variant": predictor.manifest.variant, "trained": predictor.manifest.provenance["options"],
        "questions": {name: len(part) for name, part in parts.items()},
        "said_nothing": {name: sum(not a.answer for _, a in part) for name, part in parts.items()},
        "scores": {name: scored(part, labels) for name, part in parts.items()}, "machine": machine.describe(),
    }  # fmt: skip
    path = Path(__file__).parent / "results/reader.json"
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(json.dumps({key: report[key] for key in ("questions", "said_nothing", "scores")}, indent=1))


def prepared(folder: Path) -> Path:
    """The recipe's dataset."""
    for name in ("out", "scratch", "cache"):
        (folder / name).mkdir()
    given = msgspec.to_builtins(load_project(RECIPE).data)
    prepare.run(Work(
        inputs={"source": RECIPE}, params={"task": TASK, "data": given}, output=folder / "out",
        scratch=folder / "scratch", cache=folder / "cache", project=RECIPE, progress=Silent(),
    ))  # fmt: skip
    return folder / "out"


def scored(part: list[tuple[Any, Any]], labels: tuple[str, ...]) -> dict[str, Any]:
    """Metric -> value and interval."""
    found = {}
    for name in tasks.find(TASK).metrics:
        metric = metrics.find(name)
        statistics = [metric.statistics(e.target, answer, labels, e.input) for e, answer in part]
        found[name] = {"signature": metric.signature, **msgspec.to_builtins(interval(metric, statistics, 0.95, 1000))}
    return found


if __name__ == "__main__":
    main()
