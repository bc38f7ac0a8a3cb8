"""Random changes of training pictures."""

from __future__ import annotations

import numpy as np

GREY = 127
"""What a blanked square holds: the middle of the range."""


def moved(pixels: np.ndarray, random: np.random.Generator, shift: float, cutout: float, flip: bool) -> np.ndarray:
    """Pictures uint8 [B, H, W, 3], each shifted (borders reflected), mirrored, and with a square blanked (DeVries and
    Taylor 2017). `shift` and `cutout` are shares of the height."""
    count, height, width, _ = pixels.shape
    pad, hole = round(shift * height), round(cutout * height)
    framed = np.pad(pixels, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="reflect")
    tops, lefts = np.asarray(random.integers(0, 2 * pad + 1, (2, count)))
    mirrored = np.asarray(random.random(count)) < (0.5 if flip else 0.0)
    rows, columns = np.asarray(random.integers(0, (height, width), (count, 2))).T
    out = np.empty_like(pixels)
    for i in range(count):
        picture = framed[i, tops[i] : tops[i] + height, lefts[i] : lefts[i] + width]
        out[i] = picture[:, ::-1] if mirrored[i] else picture
        top, left = rows[i] - hole // 2, columns[i] - hole // 2
        out[i, max(0, top) : max(0, top + hole), max(0, left) : max(0, left + hole)] = GREY
    return out
