"""Vectors that stand for texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.op import Tools, op


@op("vectors.list.v1")
def plain(tools: Tools, vectors: Sequence[np.ndarray]) -> list[list[float]]:
    """Vectors [D] as lists of numbers, to 7 digits: what float32 holds."""
    return [[float(f"{number:.7g}") for number in row] for row in np.asarray(vectors, dtype=np.float64).tolist()]
