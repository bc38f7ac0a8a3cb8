"""Builds a committed starter from the configuration and the data that lie beside this file.

python examples/starters/build.py NAME      writes src/modelworks/starters/NAME.zip
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from modelworks import starters
from modelworks.bundle import pack
from modelworks.contracts.step import Work
from modelworks.core.config import load_project
from modelworks.core.progress import Lines
from modelworks.stages import learn, optimize, prepare

HERE = Path(__file__).parent


def main(name: str) -> None:
    project = load_project(HERE / name)
    data, train = msgspec.to_builtins(project.data), msgspec.to_builtins(project.train)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        steps: list[tuple[str, Any, dict[str, Path], dict[str, Any]]] = [
            ("prepare", prepare.run, {"source": HERE / name}, {"data": data}),
            ("train", learn.train, {"dataset": folder / "prepare"}, {"train": train}),
            ("export", learn.export, {"dataset": folder / "prepare", "checkpoint": folder / "train"},
             {"name": project.name}),
        ]  # fmt: skip
        if project.optimize.variants:
            inputs = {"dataset": folder / "prepare", "bundle": folder / "export"}
            steps.append(("optimize", optimize.run, inputs, {"optimize": msgspec.to_builtins(project.optimize)}))
        for step, run, inputs, params in steps:
            for part in (step, "scratch", "cache"):
                (folder / part).mkdir(exist_ok=True)
            facts = run(Work(
                inputs=inputs, params={"task": project.task, **params}, output=folder / step,
                scratch=folder / "scratch", cache=folder / "cache", project=HERE / name, progress=Lines(15),
            ))  # fmt: skip
            print(step, json.dumps(facts), flush=True)
        place = Path(starters.__file__).parent / f"{name}.zip"
        pack(folder / steps[-1][0] / "bundle", place)
        print(place, place.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
