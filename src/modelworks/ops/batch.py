"""From rows to one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.op import Tools, op


@op("batch.pad.v1")
def pad(
    tools: Tools, rows: Sequence[np.ndarray], *, value: float = 0, minimum: int = 1, multiple: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Arrays [T, …] of unlike T -> [B, longest, …] of the same dtype, filled up with `value`, and the mask int64
    [B, longest]: 1 for what is there, 0 for the filling. At least `minimum` long: a graph never sees an empty axis.
    The length is a multiple of `multiple`: kernels add in fours, so with 4 a row's sums do not depend on how much it is
    filled up (docs/decisions/0003-same-bytes.md)."""
    lengths = [len(row) for row in rows]
    longest = -(-max(*lengths, minimum) // multiple) * multiple
    padded = np.empty((len(rows), longest, *rows[0].shape[1:]), dtype=rows[0].dtype)
    padded.fill(value)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for length, row, place, present in zip(lengths, rows, padded, mask, strict=True):
        place[:length] = row
        present[:length] = 1
    return padded, mask


@op("batch.stack.v1")
def stack(tools: Tools, rows: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of one shape -> [B, …]."""
    return np.stack(list(rows))
