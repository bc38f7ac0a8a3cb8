"""From a bundle's files to an Interpreter: graphs opened by their engines, resources by their types."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelworks.bundle.interpreter import Interpreter
from modelworks.bundle.manifest import Draft
from modelworks.bundle.resources import open_resources
from modelworks.bundle.verify import ENGINES
from modelworks.core import registry
from modelworks.core.files import contained


def interpreter(folder: Path, draft: Draft, threads: int | None = None) -> Interpreter:
    """The Interpreter of a bundle folder whose content was checked. `threads` overrides the manifest's runtime."""
    return over(draft, *opened(folder, draft, threads))


def opened(folder: Path, draft: Draft, threads: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """(graphs, resources) by name."""
    return open_graphs(folder, draft, threads), open_resources(folder, draft.resources)


def open_graphs(folder: Path, draft: Draft, threads: int | None = None) -> dict[str, Any]:
    """Graph name -> function from arrays by input name to arrays by output name."""
    runtime = draft.runtime if threads is None else msgspec.structs.replace(draft.runtime, threads=threads)
    return {
        graph.name: registry.leaf(ENGINES, graph.engine, "ENGINE")(contained(folder, graph.file), graph, runtime)
        for graph in draft.graphs
    }


def over(draft: Draft, graphs: Mapping[str, Any], resources: Mapping[str, Any]) -> Interpreter:
    """The draft's program over any graphs."""
    return Interpreter(
        draft.program, graphs, resources, entries=draft.graphs, input=draft.input, prediction=draft.prediction
    )
