"""Fused operators: transformer patterns by onnxruntime's own optimizer, anything else by its session optimizer."""

from __future__ import annotations

from pathlib import Path

from modelworks.contracts.variant import Feeds, Variant
from modelworks.stages.optimize.fusion import fuse
from modelworks.stages.optimize.quantize import quiet


def transform(graph: Path, target: Path, feeds: Feeds) -> None:
    """Write the fused graph."""
    with quiet():
        fuse(graph, target)


VARIANT = Variant(name="graph-fusion", summary="operators fused ahead of time, same numbers", transform=transform)
