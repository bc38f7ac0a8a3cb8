"""Saved too often."""

from __future__ import annotations

import cv2
import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.kinds import Image, Kind
from modelworks.ops.image import open_image
from modelworks.stages.evaluate.perturbations._pixels import encoded


def _apply(input: Kind, target: Kind | None, generator: np.random.Generator) -> tuple[Kind, Kind | None]:
    assert isinstance(input, Image)
    quality = int(generator.integers(20, 41))
    return Image(encoded(open_image(input.image), ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)), target


PERTURBATION = Perturbation(name="jpeg", summary="JPEG of quality 20 to 40", input="image", apply=_apply)
