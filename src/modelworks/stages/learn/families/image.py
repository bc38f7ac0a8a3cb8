"""Picture -> classes. Compact: a small residual network. Pretrained: EfficientNet-Lite0, or any vision AutoModel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from modelworks.contracts.family import Batcher, Front, Graph, Recipe, Source
from modelworks.kinds import Example
from modelworks.stages.learn import base, image_body, pictures, place, pretrained
from modelworks.stages.learn.networks import lite0, residual, vision
from modelworks.stages.learn.networks.head import HeadedNetwork, fit_linear


class Pictures(Recipe, frozen=True, kw_only=True):
    """Options of every picture network."""

    label_smoothing: float = 0.1
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    clip: float = 5.0
    size: int = 0
    """Height and width that pictures are brought to, pixels; 0 for the network's own (32 for the compact one, 96 for
    EfficientNet-Lite0, else what the pretrained model was made for)."""
    shift: float = 0.125
    """Largest random shift, share of the size."""
    cutout: float = 0.25
    """Side of the square that is blanked at random, share of the size; 0 for none."""
    flip: bool = True
    """Mirror left and right at random (not where sides matter, as with digits)."""


class Compact(Pictures, frozen=True, kw_only=True):
    """Options of the small residual network."""

    space: ClassVar[Mapping[str, Any]] = {
        "learning_rate": {"low": 2e-3, "high": 2e-2, "log": True},
        "cutout": [0.0, 0.25],
    }

    epochs: float = 30
    batch_size: int = 128
    learning_rate: float = 1e-2
    weight_decay: float = 0.05
    warmup: float = 0.2
    ema: float = 0.995
    scorings: float = 0.34
    patience: int = 20
    widths: tuple[int, int, int, int] = (32, 64, 128, 256)
    """Channels of the four stages."""


class Pretrained(Pictures, frozen=True, kw_only=True):
    """Options of a pretrained backbone with a linear head."""

    space: ClassVar[Mapping[str, Any]] = {
        "learning_rate": {"low": 5e-5, "high": 5e-4, "log": True},
        "cutout": [0.0, 0.25],
    }

    epochs: float = 8
    batch_size: int = 32
    learning_rate: float = 1.5e-4
    head_learning_rate: float = 3e-3
    weight_decay: float = 0.02
    ema: float = 0.99
    scorings: float = 1.0
    fast_math: bool = False
    dropout: float = 0.2
    start_examples: int = 3000
    """Most training examples for the first, linear model."""


class ImageFamily(base.Base):
    """Pictures of any size in, one row of logits out."""

    name, shape = "image", "image"
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        facts = _facts(source)
        base.write_json(folder / "network.json", facts)
        size = options.size or facts["size"]
        return Front(body=image_body.body(size, size))

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        facts = base.read_json(folder / "network.json")
        size = int(front.body.before[1].params["height"])
        if facts["kind"] == "residual":
            return residual.ResidualNetwork(len(classes), options.widths, size)
        if facts["kind"] == "lite0":
            return HeadedNetwork(lite0.empty(), lite0.FEATURES, len(classes), options.dropout, size)
        backbone = vision.VisionBackbone(facts["config"], facts["mean"], facts["std"])
        return HeadedNetwork(backbone, backbone.measure(size), len(classes), options.dropout, size)

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, HeadedNetwork)
        assert source.folder is not None
        if isinstance(module.backbone, vision.VisionBackbone):
            pretrained.load(module.backbone.model, source)
            return
        (path,) = source.folder.glob("efficientnet-lite0*.pth")
        weights = torch.load(path, map_location="cpu", weights_only=True)
        module.backbone.load_state_dict(lite0.from_checkpoint(weights).state_dict())

    def start(self, module: nn.Module, rows: base.Rows, front: Front, options: Any) -> bool:
        if not isinstance(module, HeadedNetwork):
            return False
        module.eval()
        found = []
        some = base.sample(rows, options.start_examples)
        with torch.inference_mode():
            for i in range(0, len(some), 64):
                batch = place.moved(self.collate(some[i : i + 64], front), place.of(module))
                found.append((module.backbone(batch["pixels"]).float(), batch["labels"]))
        fit_linear(module.head, torch.cat([x for x, _ in found]), torch.cat([y for _, y in found]))
        return True

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        if not isinstance(module, HeadedNetwork):
            return super().groups(module, options)
        head = base.decay_groups(module.head.named_parameters(), options.head_learning_rate, options.weight_decay)
        return base.decay_groups(module.backbone.named_parameters(), options.learning_rate, options.weight_decay) + head

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        return {
            "pixels": torch.from_numpy(np.stack([row["resized"] for row in rows])),
            "labels": torch.from_numpy(np.array([row["labels"] for row in rows])),
        }

    def batcher(self, rows: base.Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        def batch(positions: Sequence[int], random: np.random.Generator) -> dict[str, Any]:
            made = self.collate([rows[i] for i in positions], front)
            changed = pictures.moved(made["pixels"].numpy(), random, options.shift, options.cutout, options.flip)
            return {**made, "pixels": torch.from_numpy(changed)}

        return batch

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        assert isinstance(module, HeadedNetwork | residual.ResidualNetwork)
        pixels = torch.zeros(2, module.size, module.size, 3, dtype=torch.uint8)
        return base.export(module, folder, {"pixels": pixels}, {"pixels": {0: "batch"}})


def _facts(source: Source) -> dict[str, Any]:
    """network.json: what `build` needs."""
    if source.folder is None:
        return {"kind": "residual", "size": 32}
    if not (source.folder / "config.json").is_file():
        return {"kind": "lite0", "size": 96}
    config = json.loads((source.folder / "config.json").read_text("utf-8"))
    path = source.folder / "preprocessor_config.json"
    shown = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    mean, std = shown.get("image_mean", [0.485, 0.456, 0.406]), shown.get("image_std", [0.229, 0.224, 0.225])
    size = int(config.get("image_size") or 224)
    return {"kind": "vision", "config": config, "mean": mean, "std": std, "size": size}


FAMILY = ImageFamily()
