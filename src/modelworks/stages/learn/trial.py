"""One trial of a search on a worker: a whole `fit`, left in the search's scratch (contracts/workers.py)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts.step import Work
from modelworks.stages.learn import training
from modelworks.stages.learn.fit import fit
from modelworks.stages.learn.ranks import ALONE
from modelworks.stages.learn.tune import changed, keep, mark


def run(facts: dict[str, Any], name: str, params: Mapping[str, Any]) -> float:
    """The score of some options. Called again for the same name it goes on, or knows the score already."""
    work, folder = _work(facts, name), Path(facts["scratch"]) / f"trial-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "fitted.json").is_file():
        return float(json.loads((folder / "fitted.json").read_text("utf-8"))["score"])
    *_, setting, options = training.prepared(work, ALONE, work.progress)
    fitted = fit(setting, changed(options, params), time.monotonic() + facts["seconds"], folder)
    mark(folder, params)
    keep(folder, fitted)
    return fitted.score


def _work(facts: Mapping[str, Any], name: str) -> Work:
    """The step's work, with an output of the trial's own."""
    output = Path(facts["room"]) / name
    output.mkdir(exist_ok=True)
    return Work(
        inputs={key: Path(path) for key, path in facts["inputs"].items()}, params=facts["params"], output=output,
        scratch=Path(facts["scratch"]), project=Path(facts["project"]), cache=Path(facts["cache"]),
    )  # fmt: skip
