"""Any vision backbone of transformers (`AutoModel`) as uint8 pictures -> features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class VisionBackbone(nn.Module):
    """Uint8 pictures [B, H, W, 3] -> features float32 [B, D]: the pooled output, or the mean of the last states.

    Args:
        config: plain data of a transformers configuration.
        mean, std: of each channel, for values in [0, 1].
    """

    def __init__(self, config: dict[str, Any], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModel

        made = AutoConfig.for_model(config["model_type"], **{k: v for k, v in config.items() if k != "model_type"})
        self.model = AutoModel.from_config(made, attn_implementation="eager").float()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None] * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None] * 255, persistent=False)

    @torch.no_grad()
    def measure(self, size: int) -> int:
        """Number of features for pictures of that height and width."""
        return int(self.eval()(torch.zeros(1, size, size, 3, dtype=torch.uint8)).shape[1])

    def forward(self, pixels: Tensor) -> Tensor:
        x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        found = self.model(pixel_values=x)
        pooled = getattr(found, "pooler_output", None)
        features: Tensor = found.last_hidden_state if pooled is None else pooled
        if features.ndim == 3:
            return features.mean(1)
        return features.flatten(2).mean(2) if features.ndim == 4 else features
