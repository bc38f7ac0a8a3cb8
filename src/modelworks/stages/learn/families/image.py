"""Picture -> classes. Compact: a small residual network. Pretrained: EfficientNet-Lite0, or any vision AutoModel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from modelworks.contracts.body import Body
from modelworks.contracts.family import Front, Graph, Recipe, Source
from modelworks.contracts.program import Call
from modelworks.kinds import Example
from modelworks.stages.learn import base
from modelworks.stages.learn.networks import residual


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the small residual network."""

    epochs: float = 20
    batch_size: int = 128
    learning_rate: float = 1e-2
    weight_decay: float = 0.05
    warmup: float = 0.2
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    label_smoothing: float = 0.1
    ema: float = 0.995
    scorings: float = 0.25
    size: int = 32
    """Height and width that pictures are brought to, pixels."""
    widths: tuple[int, int, int, int] = (32, 64, 128, 256)
    """Channels of the four stages."""
    shift: float = 0.125
    """Largest random shift, share of the size."""
    cutout: float = 0.25
    """Side of the square that is blanked at random, share of the size."""
    flip: bool = True
    """Mirror left and right at random (leave out where sides matter, as with digits)."""


class ImageFamily(base.Base):
    name, shape = "image", "image"
    options: type[Recipe] = Recipe
    compact: type[Recipe] = Compact
    space: Mapping[str, Any] = {"learning_rate": {"low": 3e-3, "high": 3e-2, "log": True}, "cutout": [0.0, 0.25]}

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        base.write_json(folder / "network.json", {"kind": "residual", "mean": [125.3, 123.0, 113.9], "std": [63.0] * 3})
        params = {"height": options.size, "width": options.size, "interpolation": "cubic"}
        return Front(
            body=Body(
                shape="image",
                before=(
                    Call(op="image.decode.v1", inputs=("image",), outputs=("decoded",)),
                    Call(op="image.resize.v1", inputs=("decoded",), outputs=("resized",), params=params),
                ),
                after=(
                    Call(op="batch.stack.v1", inputs=("resized",), outputs=("pixels",)),
                    Call(graph="model", inputs=("pixels",), outputs=("logits",)),
                ),
            )
        )

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        facts = base.read_json(folder / "network.json")
        return residual.ResidualNetwork(len(classes), options.widths, facts["mean"], facts["std"])

    def collate(self, rows: Sequence[Mapping[str, Any]], options: Any) -> dict[str, torch.Tensor]:
        return {
            "pixels": torch.from_numpy(np.stack([row["resized"] for row in rows])),
            "labels": torch.from_numpy(np.array([row["labels"] for row in rows])),
        }

    def vary(self, rows: Sequence[Mapping[str, Any]], options: Any, random: np.random.Generator) -> dict[str, Any]:
        batch = self.collate(rows, options)
        batch["pixels"] = torch.from_numpy(moved(batch["pixels"].numpy(), options, random))
        return batch

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        pixels = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
        return base.export(module, folder, {"pixels": pixels}, {"pixels": {0: "batch"}})


def moved(pixels: np.ndarray, options: Any, random: np.random.Generator) -> np.ndarray:
    """Pictures uint8 [B, H, W, 3], each shifted, mirrored and with a square blanked (DeVries and Taylor 2017)."""
    count, height, width, _ = pixels.shape
    pad, hole = round(options.shift * height), round(options.cutout * height)
    framed = np.pad(pixels, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="reflect")
    tops, lefts = random.integers(0, 2 * pad + 1, (2, count))
    mirrored = (random.random(count) < 0.5) & options.flip
    holes = random.integers(0, height, (2, count))
    out = np.empty_like(pixels)
    for i in range(count):
        picture = framed[i, tops[i] : tops[i] + height, lefts[i] : lefts[i] + width]
        out[i] = picture[:, ::-1] if mirrored[i] else picture
        if hole:
            y, x = holes[0, i] - hole // 2, holes[1, i] - hole // 2
            out[i, max(0, y) : max(0, y + hole), max(0, x) : max(0, x + hole)] = 127
    return out


FAMILY = ImageFamily()
