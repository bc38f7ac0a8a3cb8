"""From logits to probabilities."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.op import Tools, op


@op("scores.softmax.v1")
def softmax(tools: Tools, logits: np.ndarray, *, temperature: float = 1.0) -> np.ndarray:
    """Probabilities float64 [B, C] of logits [B, C] divided by `temperature` (Guo et al. 2017, calibration).

    Rounded half to even to 4 decimals: a graph's last bits depend on how many rows share its batch, and an answer
    must not."""
    powers = np.divide(logits, temperature, dtype=np.float64)
    powers -= np.maximum.reduce(powers, axis=-1, keepdims=True)  # as .max(), a third of its time
    np.exp(powers, out=powers)
    powers /= np.add.reduce(powers, axis=-1, keepdims=True)
    rounded: np.ndarray = powers.round(4)
    return rounded


@op("scores.sigmoid.v1")
def sigmoid(tools: Tools, logits: np.ndarray, *, temperature: float = 1.0) -> np.ndarray:
    """Probabilities float64 [B, C], each by itself, of logits [B, C] divided by `temperature`; rounded as
    `scores.softmax.v1` does."""
    scaled = np.divide(logits, temperature, dtype=np.float64)
    powers = np.exp(-np.abs(scaled))
    rounded: np.ndarray = (np.where(scaled < 0, powers, 1.0) / (1.0 + powers)).round(4)
    return rounded
