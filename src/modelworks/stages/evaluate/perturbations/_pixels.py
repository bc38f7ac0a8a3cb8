"""Opening and closing pictures around a change of their pixels."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from modelworks.kinds import Image, Kind
from modelworks.ops.image import open_image

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Apply = Callable[[Kind, Kind | None, np.random.Generator], tuple[Kind, Kind | None]]


def changed(change: Change) -> Apply:
    """`apply` of a perturbation that changes pixels uint8 [H, W, 3] (RGB); the new picture is a PNG."""

    def apply(input: Kind, target: Kind | None, generator: np.random.Generator) -> tuple[Kind, Kind | None]:
        assert isinstance(input, Image)
        return Image(encoded(change(open_image(input.image), generator), ".png")), target

    return apply


def encoded(pixels: np.ndarray, suffix: str, *options: int) -> bytes:
    """A picture file of RGB pixels."""
    _, data = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), list(options))
    return bytes(data)
