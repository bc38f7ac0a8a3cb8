"""Out of focus."""

from __future__ import annotations

import cv2
import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.stages.evaluate.perturbations._pixels import changed

SHARE = 0.02


def _blur(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Gaussian, its deviation `SHARE` of the longer side, as a camera's blur scales with the picture."""
    deviation = max(0.5, SHARE * max(pixels.shape[:2]) * float(generator.uniform(0.5, 1.0)))
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), deviation))


PERTURBATION = Perturbation(name="blur", summary="slightly out of focus", input="image", apply=changed(_blur))
