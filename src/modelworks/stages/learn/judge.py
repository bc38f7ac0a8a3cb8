"""Scores a network on the dev split through the program it will ship with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from modelworks.bundle import Interpreter, Row
from modelworks.contracts import metric as metrics
from modelworks.contracts.program import Program
from modelworks.contracts.task import Task
from modelworks.kinds import Example, Kind
from modelworks.stages.learn import calibrate

Answer = dict[str, np.ndarray]
_BATCH = 64
_CHARGE = 8192
"""Most padded length of one batch."""


class Judge:
    """Runs a program with the graphs of a torch module.

    They run once over the examples; then every candidate of the last operations' parameters
    (`calibrate.candidates`) is tried on the same answers.

    Args:
        task, labels: as the dataset says.
        program: the task's whole program.
        resources: opened resources of the front.
        graphs: gives the module's graphs by name (`Family.graphs`).
        examples: those to score on, with targets.
    """

    def __init__(
        self, task: Task, labels: Sequence[str], program: Program, resources: Mapping[str, Any],
        graphs: Callable[[Any], Mapping[str, Any]], examples: Sequence[Example] = (),
    ) -> None:  # fmt: skip
        self.program, self.examples = program, examples
        self._task, self._labels, self._resources = task, labels, resources
        self._metric = metrics.find(task.metrics[0])
        self._graphs = graphs
        self._modules: Mapping[str, Any] = {}
        self.interpreter = self._over(program, self._run)
        self._rows: list[Row] | None = None
        self._tape: list[Answer] = []
        # a decoder answers at every step: what nobody will replay is not kept
        self._taping = len(calibrate.candidates(program)) > 1 or calibrate.wanted(program)

    @property
    def primary(self) -> str:
        """Name of the metric."""
        return self._metric.name

    @property
    def sign(self) -> float:
        """1 when higher is better, -1 when lower is."""
        return 1.0 if self._metric.higher_is_better else -1.0

    def score(self, module: Any) -> float:
        """The task's primary metric over the examples, with the best of the candidate parameters."""
        return self.best(module)[0]

    def best(self, module: Any) -> tuple[float, Program, list[Kind]]:
        """(score, program, predictions) of the best candidate for a module."""
        predictions = self.predict(module)
        tried = []
        for program in calibrate.candidates(self.program):
            made = predictions if program == self.program else self.replay(program)
            tried.append((self.value(made), program, made))
        return max(tried, key=lambda one: self.sign * one[0])

    def predict(self, module: Any) -> list[Kind]:
        """Predictions of the plain program for the examples, in their order."""
        self._modules, self._tape = self._graphs(module), []
        was = module.training
        module.eval()
        try:
            return self._batched(self.interpreter)
        finally:
            module.train(was)
            self._modules = {}

    def answers(self, module: Any, program: Program, inputs: Sequence[Kind]) -> list[Kind]:
        """What a program makes of any inputs with a module's graphs, one by one."""
        self._modules = self._graphs(module)
        module.eval()
        interpreter = self._over(program, self._run)
        return [interpreter.run([value])[0] for value in inputs]

    def replay(self, program: Program) -> list[Kind]:
        """What another program, with other parameters after the graph, makes of the last answers of the network."""
        tape = iter(self._tape)
        return self._batched(self._over(program, lambda name, feeds: next(tape)))

    def logits(self) -> np.ndarray:
        """The network's last answers, float32 [examples, C]; for bodies that run the graph once a batch."""
        order = [i for batch in self._batches() for i in batch]
        stacked = np.concatenate([answer["logits"] for answer in self._tape])
        return stacked[np.argsort(order)]

    def value(self, predictions: Sequence[Kind]) -> float:
        """The primary metric of given predictions."""
        statistics = [
            self._metric.statistics(example.target, prediction, self._labels, example.input)
            for example, prediction in zip(self.examples, predictions, strict=True)
            if example.target is not None
        ]
        return float(self._metric.score(statistics, np.ones((1, len(statistics))))[0])

    def _over(self, program: Program, run: Callable[[str, Mapping[str, np.ndarray]], Answer]) -> Interpreter:
        task = self._task
        graphs = {name: partial(run, name) for name in program.graphs}
        return Interpreter(program, graphs, self._resources, input=task.input, prediction=task.prediction)

    def _prepared(self) -> list[Row]:
        if self._rows is None:
            self._rows = [row for chunk in _parts(self.examples) for row in self.interpreter.prepare(chunk)]
        return self._rows

    def _batched(self, interpreter: Interpreter) -> list[Kind]:
        rows = self._prepared()
        answers: dict[int, Kind] = {}
        for batch in self._batches():
            answers.update(zip(batch, interpreter.finish([rows[i] for i in batch]), strict=True))
        return [answers[i] for i in range(len(rows))]

    def _batches(self) -> Iterator[list[int]]:
        """Positions of rows that run together: of like length, with a bounded padded size."""
        rows = self._prepared()
        batch: list[int] = []
        for i in sorted(range(len(rows)), key=lambda i: rows[i].length):
            if batch and (len(batch) == _BATCH or (len(batch) + 1) * rows[i].length > _CHARGE):
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch

    def _run(self, name: str, feeds: Mapping[str, np.ndarray]) -> Answer:
        import torch

        from modelworks.stages.learn import place

        module = self._modules[name]
        with torch.inference_mode():
            tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in feeds.items()}
            given = module(**place.moved(tensors, place.of(module)))
            answer = {name: value.float().cpu().numpy() for name, value in given.items()}
        if self._taping:
            self._tape.append(answer)
        return answer


def _parts(examples: Sequence[Example]) -> list[list[Kind]]:
    return [[example.input for example in examples[i : i + 256]] for i in range(0, len(examples), 256)]
