"""Picture -> classes by Keras 3 and TensorFlow: convolutions with batch normalization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from modelworks.contracts.family import Front, Recipe, Source
from modelworks.kinds import Example
from modelworks.stages.learn import base, image_body
from modelworks.stages.learn.keras_family import KerasFamily


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the Keras network for pictures."""

    space: ClassVar[Mapping[str, Any]] = {"learning_rate": {"low": 5e-4, "high": 1e-2, "log": True}}

    epochs: float = 15
    batch_size: int = 64
    learning_rate: float = 3e-3
    widths: tuple[int, ...] = (32, 64, 128)
    """Channels of the convolutions, each at half the size of the one before."""
    dropout: float = 0.2
    size: int = 32
    """Height and width that pictures are brought to."""


class KerasImage(KerasFamily):
    """Pictures of any size in, one row of logits out."""

    name, shape, network, variable, column = "keras-image", "image", "image", "pixels", "resized"
    options: type[Recipe] = Compact
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        self.refuse(source)
        return Front(body=image_body.body(options.size, options.size))

    def facts(self, front: Front, folder: Path) -> dict[str, Any]:
        return {"size": front.body.before[1].params["height"]}

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        return dict(self.labelled(rows, np.stack([row["resized"] for row in rows])))


FAMILY = KerasImage()
