"""Builds a committed starter from the configuration and the data that lie beside this file.

python examples/starters/build.py NAME      writes src/modelworks/starters/NAME.zip

One that begins with the weights of a package (`BASES`) is written as what it differs in from them: NAME.delta, and the
recipe NAME.json.
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
from modelworks.core import hashing, packages
from modelworks.core.config import load_project
from modelworks.core.progress import Lines
from modelworks.stages import learn, optimize, prepare
from modelworks.starters import delta

HERE = Path(__file__).parent
SHELF = Path(starters.__file__).parent
BASES = {"question-answering": ("embedding", "CC BY-SA 4.0")}
"""Starter -> (the one whose recipe names the package, licence of the data)."""


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
        keep(name, folder / steps[-1][0] / "bundle")


def keep(name: str, bundle: Path) -> None:
    """Put a bundle on the shelf."""
    if name not in BASES:
        place = SHELF / f"{name}.zip"
        pack(bundle, place)
        print(place, place.stat().st_size)
        return
    other, licence = BASES[name]
    base = msgspec.json.decode((SHELF / f"{other}.json").read_bytes(), type=starters.Recipe)
    weights, place = base.weights, SHELF / f"{name}.delta"
    delta.take(bundle, packages.checked(weights.package, weights.root, weights.files, name), place)
    recipe = {
        "task": load_project(HERE / name).task, "weights": msgspec.to_builtins(weights),
        "delta": {"file": place.name, "sha256": hashing.file_digest(place), "licence": licence},
    }  # fmt: skip
    (SHELF / f"{name}.json").write_text(json.dumps(recipe, indent=1) + "\n", "utf-8")
    print(place, place.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
