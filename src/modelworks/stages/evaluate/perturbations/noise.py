"""A noisy sensor."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.stages.evaluate.perturbations._pixels import changed

DEVIATION = 12.0


def _noise(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    noisy = pixels + generator.normal(0, DEVIATION, pixels.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), dtype=np.uint8)


PERTURBATION = Perturbation(
    name="noise", summary="Gaussian noise of 12 grey levels", input="image", apply=changed(_noise)
)
