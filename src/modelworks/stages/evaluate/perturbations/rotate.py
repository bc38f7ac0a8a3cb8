"""The camera held askew."""

from __future__ import annotations

import cv2
import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.stages.evaluate.perturbations._pixels import changed

DEGREES = 15.0


def _turn(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """About the middle; the corners mirror what is beside them."""
    height, width = pixels.shape[:2]
    angle = float(generator.uniform(5, DEGREES)) * (1 if generator.integers(2) else -1)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    return np.asarray(cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101))


PERTURBATION = Perturbation(name="rotate", summary="turned by 5 to 15 degrees", input="image", apply=changed(_turn))
