"""Something stands in front."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.stages.evaluate.perturbations._pixels import changed

SIDE = 0.3


def _cover(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A grey patch, `SIDE` of the height and width, anywhere (Zeiler and Fergus 2014)."""
    height, width = (max(1, round(SIDE * side)) for side in pixels.shape[:2])
    top = int(generator.integers(pixels.shape[0] - height + 1))
    left = int(generator.integers(pixels.shape[1] - width + 1))
    covered = pixels.copy()
    covered[top : top + height, left : left + width] = 128
    return covered


PERTURBATION = Perturbation(
    name="occlusion", summary="a grey patch over a tenth of the picture", input="image", apply=changed(_cover)
)
