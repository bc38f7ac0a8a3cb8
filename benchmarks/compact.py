"""A bundle of the compact text family, untrained, for benchmarks of speed. What it answers means nothing.

python benchmarks/compact.py FOLDER
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch

from modelworks.bundle import Draft, record_selftest, sessions, write
from modelworks.contracts import task
from modelworks.contracts.family import Source
from modelworks.kinds import Example, Text
from modelworks.stages.learn.families.sequence import FAMILY, Compact

LABELS = ("negative", "positive")
CORPUS = Path(__file__).parents[1] / "examples" / "wnut17"


def texts() -> list[str]:
    """Short real texts: the sentences of the example data."""
    found = []
    for path in sorted(CORPUS.rglob("*.conll")):
        for block in path.read_text("utf-8").split("\n\n"):
            words = [line.split("\t")[0].split(" ")[0] for line in block.splitlines() if line.strip()]
            found += [" ".join(words)] if words else []
    return found


def build(folder: Path) -> Path:
    """Write the bundle; the folder."""
    folder.mkdir(parents=True)
    corpus = texts()
    found, options = task.find("sentiment-analysis"), Compact()
    source = Source(name="compact")
    front = FAMILY.prepare((Example(str(n), Text(text)) for n, text in enumerate(corpus)), source, options, folder)
    module = FAMILY.build(front, found.classes(LABELS), options, folder).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        module.table.weight[:-1].uniform_(0.0, 0.2)  # the squared ratios among them are never negative
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graphs = FAMILY.export(module, folder)
    (folder / "network.json").unlink()
    draft = Draft(
        name="compact", task=found.name, input=found.input, target=found.target, prediction=found.prediction,
        labels=LABELS, program=found.program(LABELS, front.body), graphs=graphs, resources=front.resources,
    )  # fmt: skip
    inputs = [Text(text) for text in corpus[:24]]
    record_selftest(folder, inputs, sessions.interpreter(folder, draft).run(inputs))
    write(folder, draft)
    return folder


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
