"""Scores a network on the dev split through the program it will ship with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelworks.bundle import Interpreter, Row
from modelworks.contracts import metric as metrics
from modelworks.contracts.program import Program
from modelworks.contracts.task import Task
from modelworks.kinds import Example, Kind

_BATCH = 64
_CHARGE = 8192
"""Most padded length of one batch."""


class Judge:
    """Runs a program with a torch module as its graph.

    Args:
        task, labels: as the dataset says.
        program: the task's whole program.
        resources: opened resources of the front.
        examples: those to score on, with targets.
    """

    def __init__(
        self, task: Task, labels: Sequence[str], program: Program, resources: Mapping[str, Any],
        examples: Sequence[Example] = (),
    ) -> None:  # fmt: skip
        self._module: Any = None
        self._labels, self._metric = labels, metrics.find(task.metrics[0])
        graphs = {"model": self._run}
        self.interpreter = Interpreter(program, graphs, resources, input=task.input, prediction=task.prediction)
        self._examples = examples
        self._rows: list[Row] | None = None

    @property
    def primary(self) -> str:
        """Name of the metric."""
        return self._metric.name

    @property
    def sign(self) -> float:
        """1 when higher is better, -1 when lower is."""
        return 1.0 if self._metric.higher_is_better else -1.0

    def predict(self, module: Any) -> list[Kind]:
        """Predictions for the examples, in their order."""
        self._module = module
        was = module.training
        module.eval()
        try:
            return self._predict()
        finally:
            module.train(was)
            self._module = None

    def score(self, module: Any) -> float:
        """The task's primary metric over the examples."""
        return self.value(self.predict(module))

    def value(self, predictions: Sequence[Kind]) -> float:
        """The primary metric of given predictions."""
        statistics = [
            self._metric.statistics(example.target, prediction, self._labels, example.input)
            for example, prediction in zip(self._examples, predictions, strict=True)
            if example.target is not None
        ]
        return float(self._metric.score(statistics, np.ones((1, len(statistics))))[0])

    def _predict(self) -> list[Kind]:
        if self._rows is None:
            self._rows = [row for chunk in _parts(self._examples) for row in self.interpreter.prepare(chunk)]
        rows = self._rows
        order = sorted(range(len(rows)), key=lambda i: rows[i].length)
        answers: dict[int, Kind] = {}
        for batch in _batches(order, rows):
            answers.update(zip(batch, self.interpreter.finish([rows[i] for i in batch]), strict=True))
        return [answers[i] for i in range(len(rows))]

    def _run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        import torch

        device = next((p.device for p in self._module.parameters()), torch.device("cpu"))
        with torch.inference_mode():
            tensors = {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in feeds.items()}
            return {name: value.float().cpu().numpy() for name, value in self._module(**tensors).items()}


def _parts(examples: Sequence[Example]) -> list[list[Kind]]:
    return [[example.input for example in examples[i : i + 256]] for i in range(0, len(examples), 256)]


def _batches(order: Sequence[int], rows: Sequence[Row]) -> list[list[int]]:
    """Positions of rows that run together: of like length, with a bounded padded size."""
    batches: list[list[int]] = []
    for i in order:
        last = batches[-1] if batches else []
        if last and len(last) < _BATCH and (len(last) + 1) * rows[i].length <= _CHARGE:
            last.append(i)
        else:
            batches.append([i])
    return batches
