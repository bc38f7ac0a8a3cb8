"""A model of another framework -> a bundle that answers as it did there, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelworks.bundle import Draft, Licence, Manifest, Predictor, Runtime, record_profile, record_selftest, write
from modelworks.contracts import task as tasks
from modelworks.contracts.family import Graph
from modelworks.contracts.foreign import Foreign, Import, Request
from modelworks.contracts.task import Task
from modelworks.core import hashing, registry
from modelworks.core.errors import ConfigError, StepError
from modelworks.kinds import Kind
from modelworks.stages.learn import entrance as entrances
from modelworks.stages.learn import parity
from modelworks.stages.learn.adapting import Inlet, Scores, adapt
from modelworks.stages.learn.checkpoint import versions
from modelworks.stages.learn.entrance import Entrance, shaped

IMPORTS = "modelworks.stages.learn.imports"
TOLERANCE = 1e-3
"""Largest difference of an output between the two frameworks, relative to the largest output (at least 1)."""
FILE = "graphs/model.onnx"


def run(
    file: Path, request: Request, folder: Path, scratch: Path, *, form: str, name: str, licence: str, source: str
) -> tuple[Manifest, dict[str, Any]]:
    """Write a bundle into the empty `folder`; (manifest, facts: form, scores, differences)."""
    task = tasks.find(request.task)
    leaf: Import = registry.leaf(IMPORTS, form or guess(file), "IMPORT")
    foreign = leaf.open(file, request, scratch)
    entrance = entrances.make(task, foreign, request, folder)
    samples = [example.input for example in task.example()]
    asked = Asked(task, foreign, entrance, folder, samples, entrances.Reading() if foreign.front else _reading(request))
    answers = asked.answers(samples)
    path = folder / FILE
    path.parent.mkdir(parents=True)
    foreign.export(path, asked.arrays[0])
    if foreign.front is None:
        adapt(path, asked.inlets, entrance.outputs, asked.scores)
    graph = _graph(entrance, asked.inlets)
    outputs = asked.compare(path, graph)
    record_selftest(folder, samples, answers)
    record_profile(folder, samples, answers)
    facts: dict[str, Any] = {"form": form or guess(file), "scores": asked.scores}
    draft = Draft(
        name=name, task=task.name, input=task.input, target=task.target, prediction=task.prediction,
        labels=tuple(sorted(entrance.labels)), program=entrance.program, resources=entrance.resources,
        graphs=(graph,), metrics=task.metrics, runtime=asked.runtime,
        provenance={"imported": {**facts, "file": file.name, "sha256": _digest(file)}, "versions": versions()},
        licences=(Licence(what=f"weights of {file.name}", licence=licence, source=source or file.name),),
    )  # fmt: skip
    manifest = write(folder, draft)
    difference = parity.check(Predictor.open(folder), samples, answers)
    return manifest, {**facts, "difference": difference, "outputs": outputs}


def guess(file: Path) -> str:
    """The form that a file's ending means; a ConfigError when none does, or several could."""
    for form in registry.names(IMPORTS):
        if file.name.endswith(_suffixes(form)):
            return form
    if (file / "saved_model.pb").is_file():
        return "saved-model"
    raise ConfigError(
        "the file's name does not tell what it is", where="--form", seen=file.name, allowed=registry.names(IMPORTS)
    )


def _suffixes(form: str) -> tuple[str, ...]:
    leaf: Import = registry.leaf(IMPORTS, form, "IMPORT")
    return tuple(leaf.suffixes)


def _reading(request: Request) -> entrances.Reading:
    return entrances.reading_of(request)


class Asked:
    """The foreign model in the place of the program's graph; remembers what it was fed and what it said."""

    def __init__(
        self, task: Task, foreign: Foreign, entrance: Entrance, folder: Path, samples: Sequence[Kind],
        reading: entrances.Reading,
    ) -> None:  # fmt: skip
        self._task, self._foreign, self._entrance, self._folder = task, foreign, entrance, folder
        self.inlets: list[Inlet] = entrances.inlets(foreign, entrance.feeds(folder, task, samples), reading)
        self.runtime = Runtime(batch=1) if _batch(foreign) == 1 else entrance.runtime
        self.scores: Scores = "logits"
        self.fed: list[dict[str, np.ndarray]] = []
        self.arrays: list[list[np.ndarray]] = []
        self.said: list[list[np.ndarray]] = []

    def answers(self, samples: Sequence[Kind]) -> list[Kind]:
        """Predictions with the model's own framework."""
        program = self._entrance.over(self._folder, self._task, self._graph)
        return [program.run([one])[0] for one in samples] if self.runtime.batch == 1 else program.run(samples)

    def compare(self, path: Path, graph: Graph) -> float:
        """The largest relative difference of the written graph's outputs; a StepError above the tolerance."""
        engine = registry.leaf("modelworks.bundle.engines", graph.engine, "ENGINE")(path, graph, self.runtime)
        worst = 0.0
        for fed, said in zip(self.fed, self.said, strict=True):
            found = engine({inlet.name: fed[inlet.name] for inlet in self.inlets})
            for ours, theirs in zip(found.values(), self._logits(said), strict=False):
                worst = max(worst, float(np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max())))
        if not worst <= TOLERANCE:
            raise StepError(
                "the ONNX graph does not answer as the model it was made from", where="bundle import",
                seen=worst, allowed=f"a difference of at most {TOLERANCE}",
                hint="report this with the versions of both frameworks (modelworks doctor)",
            )  # fmt: skip
        return worst

    def _graph(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        arrays = [shaped(inlet, feeds[inlet.name]) for inlet in self.inlets]
        said = [np.asarray(output, np.float32) for output in self._foreign.run(arrays)]
        if not self.said:
            self._check(said)
        self.fed.append(dict(feeds))
        self.arrays.append(arrays)
        self.said.append(said)
        return dict(zip(self._entrance.outputs, self._logits(said), strict=False))

    def _check(self, said: list[np.ndarray]) -> None:
        """The first answer tells how many units there are, and whether they are probabilities."""
        if len(said) < len(self._entrance.outputs):
            raise ConfigError(
                "the model has fewer outputs than the program reads", where="bundle import", seen=len(said),
                allowed=", ".join(self._entrance.outputs),
            )  # fmt: skip
        units = said[0].shape[-1]
        classes = self._task.classes(self._entrance.labels)
        if classes and units != len(classes):
            hint = "give a network of one unit (yes or no) two" if units == 1 else "one label for each unit, in order"
            raise ConfigError(
                f"the model has {units} output units and there are {len(classes)} labels", where="--labels",
                seen=list(self._entrance.labels), hint=hint,
            )  # fmt: skip
        if self._foreign.front is None:
            self.scores = kind_of(said[0], self._entrance)

    def _logits(self, said: list[np.ndarray]) -> list[np.ndarray]:
        first = said[0]
        if self.scores == "softmax":
            first = np.log(np.maximum(first, np.float32(1e-12)))
        if self.scores == "sigmoid":
            tiny = np.float32(1e-12)
            first = np.log(np.maximum(first, tiny)) - np.log(np.maximum(1 - first, tiny))
        return [first, *said[1:]]


def _batch(foreign: Foreign) -> int | None:
    """The one size of batch that a model takes; None for any. A ConfigError for one that is not 1."""
    fixed = next((port.shape[0] for port in foreign.inputs if port.shape and port.shape[0]), None)
    if fixed not in (None, 1):
        raise ConfigError(
            "the model takes batches of one size only", where="bundle import", seen=fixed, allowed="any size, or 1",
            hint="export it with a batch axis of any size",
        )  # fmt: skip
    return fixed


def kind_of(output: np.ndarray, entrance: Entrance) -> Scores:
    """What outputs are: probabilities of one class each, of each class by itself, or logits, by their values."""
    operations = {call.op for call in entrance.program.calls}
    within = bool(((output >= 0) & (output <= 1)).all())
    if within and "scores.softmax.v1" in operations and np.allclose(output.sum(-1), 1, atol=1e-3):
        return "softmax"
    return "sigmoid" if within and "scores.sigmoid.v1" in operations else "logits"


def _graph(entrance: Entrance, inlets: Sequence[Inlet]) -> Graph:
    names = {inlet.name for inlet in inlets}
    (call,) = [call for call in entrance.program.calls if call.graph]
    ordered = tuple(name for name in call.inputs if name in names)
    return Graph(name=entrance.graph, file=FILE, inputs=ordered, outputs=entrance.outputs)


def _digest(file: Path) -> str:
    if file.is_file():
        return hashing.file_digest(file)
    parts = sorted(path for path in file.rglob("*") if path.is_file())
    return hashing.digest("import", {path.relative_to(file).as_posix(): hashing.file_digest(path) for path in parts})
