"""Op: one versioned numpy operation of the closed vocabulary.

An op lives in `modelworks/ops/<area>.py` and is called `<area>.<verb>.v<N>`. New behaviour is a new version: the old
one keeps its meaning for ever, because bundles name it. An op is pure, takes whole batches, and branches on nothing
but its arguments. Iteration (beam search, windows, crops, tracks) lives inside an op, which may run a graph through
`tools.run` and read a file of the bundle through `tools.resource`; ops never import an inference engine.

An op that *streams* is a generator function: it yields `(row, piece)`, plain data as it comes, and returns its
outputs. Who wants no pieces gets the outputs; closing the generator stops the work.

A *row-wise* op treats each row alone and returns lists: op(a + b) == op(a) + op(b). The row-wise ops a program begins
with can therefore run when a request arrives, before it meets the others of its batch.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from modelworks.contracts.decoder import Cache, Decoder
from modelworks.core.errors import BundleError
from modelworks.core.registry import folder_of

PACKAGE = "modelworks.ops"
Arrays = dict[str, np.ndarray]


class Tools(Protocol):
    """All that an op can reach beyond its arguments: the graphs and resources its call declares."""

    def run(self, graph: str, feeds: Mapping[str, np.ndarray]) -> Arrays:
        """Run a graph of the bundle: arrays by input name -> arrays by output name."""

    def decoder(self, graph: str, cache: Cache | None = None) -> Decoder:
        """A causal graph of the bundle as a decoder; `cache` says what a graph with past keys and values is like."""

    def resource(self, name: str) -> Any:
        """A resource of the bundle, opened by its type: a tokenizer, an array, parsed JSON, a memory map."""


@dataclass(frozen=True, slots=True)
class Op:
    """A registered operation. `run(tools, *inputs, **params)` returns one value, or a tuple for several outputs."""

    name: str
    run: Callable[..., Any]
    rowwise: bool
    params: frozenset[str]
    required: frozenset[str]
    inputs: int
    """How many inputs it takes; -1 for any number."""
    streams: bool = False
    """`run` returns a generator of (row number, piece) whose return value is the outputs."""


OPS: dict[str, Op] = {}


def op(
    name: str, *, rowwise: bool = False, streams: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: enter a function into the vocabulary. Keyword-only arguments are its parameters."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        kinds = inspect.Parameter
        arguments = list(inspect.signature(function).parameters.values())
        params = [p for p in arguments if p.kind is kinds.KEYWORD_ONLY]
        many = any(p.kind is kinds.VAR_POSITIONAL for p in arguments)
        OPS[name] = Op(
            name, function, rowwise,
            params=frozenset(p.name for p in params),
            required=frozenset(p.name for p in params if p.default is kinds.empty),
            inputs=-1 if many else len(arguments) - len(params) - 1, streams=streams,
        )  # fmt: skip
        return function

    return enter


def find(name: str) -> Op:
    """The op of a name; a BundleError for a name outside the vocabulary. Imports one file of `ops` at most."""
    area = name.partition(".")[0]
    if name not in OPS and area.isidentifier() and (folder_of(PACKAGE) / f"{area}.py").is_file():
        importlib.import_module(f"{PACKAGE}.{area}")
    if name not in OPS:
        raise BundleError(
            "unknown operation", seen=name, hint="a newer modelworks may know it: pip install -U modelworks"
        )
    return OPS[name]
