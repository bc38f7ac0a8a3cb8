"""Program: a straight line of calls to ops and graphs. Plain data: it is stored in a bundle and sent nowhere as code.

Values are *variables*, each holding one item a row (a list, or an array whose first axis is the batch). A variable is
assigned once, before its use. There is no branch and no loop. State across calls (a gallery, a stream, a
conversation) is an explicit variable: `state` maps the variable that receives it to the variable that leaves it, and
the caller keeps it in a session.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from modelworks.contracts import op as ops
from modelworks.core.errors import BundleError


class Call(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One line: an op (with parameters, and the graphs and resources it may reach) or a graph.

    A graph call feeds its inputs by position, in the order of the graph's entry in the manifest. In `graphs` and
    `resources`, `local=name` lets the op know by the name `local` what the bundle calls `name` (of bundles joined)."""

    inputs: tuple[str, ...] = field(name="in")
    outputs: tuple[str, ...] = field(name="out")
    op: str | None = None
    graph: str | None = None
    params: dict[str, Any] = {}
    graphs: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


class Program(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """From a kind to a kind."""

    inputs: dict[str, str]
    """Variable <- field of the input kind."""
    calls: tuple[Call, ...]
    outputs: dict[str, str]
    """Field of the prediction kind <- variable (JSON names: `labels`, not `labels_`)."""
    length: str | None = None
    """A row-wise variable whose rows have len(): the cost of a row, for batching by length."""
    state: dict[str, str] = {}
    """State variable (None at a session's start) -> variable that holds it after the call."""

    def check(self, graphs: set[str], resources: set[str]) -> None:
        """Raise BundleError unless every name, op, parameter, graph and resource is known and defined in order."""
        known = {*self.inputs, *self.state}
        for number, call in enumerate(self.calls, 1):
            where = f"program, call {number} ({call.op or call.graph})"
            _check_call(call, graphs, resources, where)
            for name in call.inputs:
                if name not in known:
                    raise BundleError(
                        "variable used before it is assigned", where=where, seen=name, allowed=sorted(known)
                    )
            for name in call.outputs:
                if name in known:
                    raise BundleError("variable assigned twice", where=where, seen=name)
                known.add(name)
        for name in (*self.outputs.values(), *self.state.values(), *([self.length] if self.length else [])):
            if name not in known:
                raise BundleError("the program never assigns this variable", where="program", seen=name)

    @property
    def graphs(self) -> frozenset[str]:
        """Names of the graphs that its calls run."""
        return frozenset(
            aliased(name)[1] for call in self.calls for name in (*call.graphs, *((call.graph,) if call.graph else ()))
        )

    def split(self) -> tuple[tuple[Call, ...], tuple[Call, ...]]:
        """(row-wise calls it begins with, the rest)."""
        for number, call in enumerate(self.calls):
            if call.op is None or not ops.find(call.op).rowwise:
                return self.calls[:number], self.calls[number:]
        return self.calls, ()


def aliased(name: str) -> tuple[str, str]:
    """(name that an op uses, name that the bundle uses) of an entry of `graphs` or `resources`."""
    local, mark, known = name.partition("=")
    return local, known if mark else local


def _check_call(call: Call, graphs: set[str], resources: set[str], where: str) -> None:
    if (call.op is None) == (call.graph is None):
        raise BundleError("a call names either an op or a graph", where=where)
    for name in (*call.graphs, *((call.graph,) if call.graph else ())):
        if aliased(name)[1] not in graphs:
            raise BundleError("unknown graph", where=where, seen=name, allowed=sorted(graphs))
    for name in call.resources:
        if aliased(name)[1] not in resources:
            raise BundleError("unknown resource", where=where, seen=name, allowed=sorted(resources))
    if call.op is None:
        return
    known = ops.find(call.op)
    if unknown := set(call.params) - known.params:
        raise BundleError("unknown parameter", where=where, seen=sorted(unknown)[0], allowed=sorted(known.params))
    if missing := known.required - set(call.params):
        raise BundleError("missing parameter", where=where, seen=sorted(missing)[0])
    if known.inputs not in (-1, len(call.inputs)):
        raise BundleError(f"takes {known.inputs} inputs", where=where, seen=list(call.inputs))
