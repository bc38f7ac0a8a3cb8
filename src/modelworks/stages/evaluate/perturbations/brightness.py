"""Too dark or too bright."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.stages.evaluate.perturbations._pixels import changed


def _expose(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    factor = float(generator.uniform(0.5, 0.7) if generator.integers(2) else generator.uniform(1.3, 1.6))
    return np.asarray(np.clip(np.rint(pixels * factor), 0, 255), dtype=np.uint8)


PERTURBATION = Perturbation(
    name="brightness", summary="30 to 60 % darker or brighter", input="image", apply=changed(_expose)
)
