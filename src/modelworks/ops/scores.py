"""From logits to probabilities."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.op import Tools, op


@op("scores.softmax.v1")
def softmax(tools: Tools, logits: np.ndarray, *, temperature: float = 1.0) -> np.ndarray:
    """Probabilities float64 [B, C] of logits [B, C] divided by `temperature` (Guo et al. 2017, calibration).

    Rounded half to even to 4 decimals: a graph's last bits depend on how many rows share its batch, and an answer
    must not."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(np.round(powers / powers.sum(axis=-1, keepdims=True), 4))
