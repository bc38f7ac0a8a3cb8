"""Runs a Program: one straight line, compiled once.

Each call becomes a `_Step`: a function, positions of its inputs and outputs in a list of variables, and the positions
that no later step reads (emptied at once, so that big intermediates die early).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import msgspec
import numpy as np

from modelworks.bundle.cache import Cached
from modelworks.contracts import op as ops
from modelworks.contracts.decoder import Cache, Decoder
from modelworks.contracts.family import Graph
from modelworks.contracts.program import Call, Program, aliased
from modelworks.core.errors import BundleError
from modelworks.kinds import Kind
from modelworks.kinds.base import named

Run = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


class Row:
    """One prepared input: the variables later calls read, and its length (cost) for batching."""

    __slots__ = ("length", "values")

    def __init__(self, values: tuple[Any, ...], length: int) -> None:
        self.values, self.length = values, length


class _Tools:
    """What one call may reach: the graphs and resources it declares."""

    __slots__ = ("_graphs", "_resources", "_where")

    def __init__(self, call: Call, graphs: Mapping[str, Run], resources: Mapping[str, Any]) -> None:
        self._where = call.op
        self._graphs = {local: graphs[name] for local, name in map(aliased, call.graphs)}
        self._resources = {local: resources[name] for local, name in map(aliased, call.resources)}

    def run(self, graph: str, feeds: Mapping[str, np.ndarray]) -> Any:
        return self._reach(self._graphs, graph)(feeds)

    def decoder(self, graph: str, cache: Cache | None = None) -> Decoder:
        run = self._reach(self._graphs, graph)
        found: Decoder | None = getattr(run, "decoder", None)
        if found is not None:
            return found
        if cache is None:
            raise BundleError("the graph is no decoder, and its cache is not described", where=str(self._where))
        return Cached(run, cache)

    def resource(self, name: str) -> Any:
        return self._reach(self._resources, name)

    def _reach(self, table: Mapping[str, Any], name: str) -> Any:
        if name not in table:
            raise BundleError(
                "the call does not declare this", where=str(self._where), seen=name, allowed=sorted(table)
            )
        return table[name]


class _Step:
    """A compiled call."""

    __slots__ = ("dead", "function", "inputs", "outputs", "reaches", "streams")

    def __init__(self, call: Call, function: Callable[..., Any], at: Callable[..., list[int]], dead: list[str]) -> None:
        self.function, self.inputs, self.outputs, self.dead = function, at(call.inputs), at(call.outputs), at(dead)
        self.reaches = bool(call.graph or call.graphs)
        self.streams = call.op is not None and ops.find(call.op).streams

    def __call__(self, variables: list[Any], told: Callable[[Any], Any] | None = None) -> None:
        result = self.function(*map(variables.__getitem__, self.inputs))
        self._leave(variables, _drained(result) if self.streams else result, told)

    def stream(self, variables: list[Any]) -> Generator[tuple[int, Any], None, None]:
        """The pieces of an op that streams; then its outputs are in `variables`."""
        self._leave(variables, (yield from self.function(*map(variables.__getitem__, self.inputs))), None)

    def _leave(self, variables: list[Any], result: Any, told: Callable[[Any], Any] | None) -> None:
        if len(self.outputs) == 1:
            variables[self.outputs[0]] = result
        else:
            for position, value in zip(self.outputs, result, strict=True):
                variables[position] = value
        if told is not None and self.reaches:
            for position in self.outputs:
                told(variables[position])
        for position in self.dead:
            variables[position] = None


class Interpreter:
    """A program over graphs and resources.

    Args:
        program: checked by the caller (`Program.check`).
        graphs: name -> function from arrays by input name to arrays by output name.
        resources: name -> opened resource (`open_resources`).
        entries: the graphs' entries of the manifest, which give the order of inputs and outputs; a graph without an
            entry is fed under the names of the call's variables.
        input, prediction: names of kinds; needed to run from kind to kind, not for `rowwise`.
    """

    def __init__(
        self, program: Program, graphs: Mapping[str, Run], resources: Mapping[str, Any], *,
        entries: Iterable[Graph] = (), input: str = "", prediction: str = "",
    ) -> None:  # fmt: skip
        self.program = program
        names = [*program.inputs, *program.state, *(name for call in program.calls for name in call.outputs)]
        self._names = names
        self._position = {name: i for i, name in enumerate(names)}
        self._first = _leading(program)
        by_name = {entry.name: entry for entry in entries}
        functions = [_function(call, graphs, resources, by_name) for call in program.calls]
        self._steps = [
            _Step(call, function, self._at, dead)
            for call, function, dead in zip(program.calls, functions, _last_uses(program), strict=True)
        ]
        self._leading, self._rest = self._steps[: self._first], self._steps[self._first :]
        self._live = self._at(sorted(_read_after(program, self._first), key=names.index))
        self._length = self._position[program.length] if program.length else -1
        self._fields = _fields(input, program.inputs) if input else []
        self._kinds = types.GenericAlias(list, named(prediction) if prediction else Kind)
        self._outputs = [(field, self._position[name]) for field, name in program.outputs.items()]
        self._state = [(self._position[old], self._position[new]) for old, new in program.state.items()]

    def _at(self, names: Iterable[str]) -> list[int]:
        return [self._position[name] for name in names]

    def prepare(self, inputs: Sequence[Kind]) -> list[Row]:
        """The row-wise calls the program begins with: one Row an input."""
        variables = self._begin(inputs)
        for step in self._leading:
            step(variables)
        measured = variables[self._length] if self._length >= 0 else None
        lengths = [1] * len(inputs) if measured is None else map(len, measured)
        columns = [variables[i] for i in self._live]
        rows = zip(*columns, strict=True) if columns else [()] * len(inputs)
        return [Row(values, length) for values, length in zip(rows, lengths, strict=True)]

    def rowwise(self, inputs: Sequence[Kind]) -> list[dict[str, Any]]:
        """The variables of the row-wise calls by name, one dict an input: what training reads."""
        variables = self._begin(inputs)
        kept: dict[str, Any] = {}
        for step in self._leading:
            kept.update((self._names[i], variables[i]) for i in step.inputs)
            step(variables)
            kept.update((self._names[i], variables[i]) for i in step.outputs if variables[i] is not None)
        return [{name: values[i] for name, values in kept.items()} for i in range(len(inputs))]

    def finish(
        self, rows: Sequence[Row], state: dict[int, Any] | None = None, told: Callable[[Any], Any] | None = None
    ) -> list[Kind]:
        """The rest of the program over prepared rows, as one batch. `state` is read and replaced in place; `told`
        receives each variable that a graph, or an op that runs one, leaves."""
        if not rows:
            return []
        variables = self._resumed(rows, state)
        for step in self._rest:
            step(variables, told)
        self._remember(variables, state)
        return self._predictions(variables, len(rows))

    def stream(self, row: Row, state: dict[int, Any] | None = None) -> Iterator[Any]:
        """The rest of the program over one prepared row: the pieces of its ops that stream, then the prediction.
        Closing the iterator stops the work; `state` is then left as it was."""
        variables = self._resumed([row], state)
        for step in self._rest:
            if step.streams:
                with closing(step.stream(variables)) as pieces:
                    for _, piece in pieces:
                        yield piece
            else:
                step(variables)
        self._remember(variables, state)
        yield self._predictions(variables, 1)[0]

    def columns(self, rows: Sequence[Row]) -> dict[str, Sequence[Any]]:
        """What the program leaves for prepared rows, by field of its outputs, before it becomes predictions."""
        variables = self._resumed(rows, None)
        for step in self._rest:
            step(variables)
        return {field: variables[position] for field, position in self._outputs}

    def _resumed(self, rows: Sequence[Row], state: dict[int, Any] | None) -> list[Any]:
        """The variables where the row-wise calls ended."""
        variables: list[Any] = [None] * len(self._names)
        if self._live:
            for position, column in zip(self._live, zip(*[row.values for row in rows], strict=True), strict=True):
                variables[position] = list(column)
        for old, _ in self._state:
            variables[old] = (state or {}).get(old)
        return variables

    def _remember(self, variables: list[Any], state: dict[int, Any] | None) -> None:
        if state is not None:
            state.update((old, variables[new]) for old, new in self._state)

    def run(self, inputs: Sequence[Kind]) -> list[Kind]:
        """All inputs as one batch."""
        return self.finish(self.prepare(inputs))

    def _begin(self, inputs: Sequence[Kind]) -> list[Any]:
        variables: list[Any] = [None] * len(self._names)
        for position, field in enumerate(self._fields):
            variables[position] = [getattr(value, field) for value in inputs]
        return variables

    def _predictions(self, variables: list[Any], count: int) -> list[Kind]:
        columns = [variables[position] for _, position in self._outputs]
        fields = list(self.program.outputs)
        if any(len(column) != count for column in columns):
            raise BundleError("the program left another number of rows than it was given", where="program", seen=count)
        rows = [dict(zip(fields, row, strict=False)) for row in zip(*columns, strict=True)]
        predictions: list[Kind] = msgspec.convert(rows, self._kinds)
        return predictions


def _drained(pieces: Generator[Any, None, Any]) -> Any:
    """What a generator returns, its pieces left out."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def _leading(program: Program) -> int:
    """How many calls to begin with are row-wise and free of state."""
    rowwise, _ = program.split()
    tainted = set(program.state)
    for number, call in enumerate(rowwise):
        if tainted & set(call.inputs):
            return number
    return len(rowwise)


def _kept(program: Program) -> set[str]:
    return {*program.outputs.values(), *program.state.values()}


def _read_after(program: Program, first: int) -> set[str]:
    """Variables made before call `first` that it or a later one, or the caller, reads."""
    made = {*program.inputs, *(name for call in program.calls[:first] for name in call.outputs)}
    read = {name for call in program.calls[first:] for name in call.inputs}
    return made & (read | _kept(program))


def _last_uses(program: Program) -> list[list[str]]:
    """For each call the variables that are read there for the last time."""
    alive = _kept(program) | ({program.length} if program.length else set())
    dead: list[list[str]] = []
    for call in reversed(program.calls):
        touched = {*call.inputs, *call.outputs}
        dead.append(sorted(touched - alive))
        alive |= touched
    return dead[::-1]


def _fields(input: str, inputs: Mapping[str, str]) -> list[str]:
    """Attribute names of the input kind, in the order of the program's inputs."""
    attributes = {f.encode_name: f.name for f in msgspec.structs.fields(named(input))}
    for field in inputs.values():
        if field not in attributes:
            raise BundleError(
                f"{input} has no such field", where="program, inputs", seen=field, allowed=list(attributes)
            )
    return [attributes[field] for field in inputs.values()]


def _function(
    call: Call, graphs: Mapping[str, Run], resources: Mapping[str, Any], entries: Mapping[str, Graph]
) -> Callable[..., Any]:
    if call.op is not None:
        return partial(ops.find(call.op).run, _Tools(call, graphs, resources), **call.params)
    entry = entries.get(str(call.graph))
    inputs, outputs = (entry.inputs, entry.outputs) if entry else (call.inputs, call.outputs)
    if len(inputs) != len(call.inputs) or len(outputs) != len(call.outputs):
        raise BundleError("a call and its graph differ in inputs or outputs", where=f"program, graph {call.graph}")
    run = graphs[str(call.graph)]

    def feed(*arrays: np.ndarray) -> Any:
        answer = run(dict(zip(inputs, arrays, strict=True)))
        return answer[outputs[0]] if len(outputs) == 1 else [answer[name] for name in outputs]

    return feed
