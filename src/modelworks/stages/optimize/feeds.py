"""What a bundle's graphs are really fed: recorded while the Predictor's own program runs over dev examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from modelworks.contracts.variant import Feeds
from modelworks.kinds import Kind

Run = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
BATCH = 4


def record(folder: Path, inputs: Sequence[Kind]) -> Feeds:
    """Feeds of every graph of a bundle folder over some inputs."""
    from modelworks.bundle import open_manifest, open_resources, sessions

    manifest = open_manifest(folder)
    kept: dict[str, list[dict[str, np.ndarray]]] = {graph.name: [] for graph in manifest.graphs}
    graphs = {name: _recording(run, kept[name]) for name, run in sessions.open_graphs(folder, manifest).items()}
    interpreter = sessions.over(manifest, graphs, open_resources(folder, manifest.resources))
    for start in range(0, len(inputs), BATCH):
        interpreter.run(inputs[start : start + BATCH])
    return lambda name: iter(kept[name])


def _recording(run: Run, kept: list[dict[str, np.ndarray]]) -> Run:
    def call(feeds: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        kept.append({name: np.array(value) for name, value in feeds.items()})
        return run(feeds)

    return call


def none(name: str) -> Iterable[Mapping[str, np.ndarray]]:
    """No feeds."""
    return ()
