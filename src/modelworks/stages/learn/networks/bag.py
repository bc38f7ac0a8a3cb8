"""A linear classifier over bags of n-grams, naive Bayes weighted (Wang and Manning 2012, NB-SVM)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from modelworks.stages.learn.networks.head import likelihood


class BagClassifier(nn.Module):
    """Two bags, n-grams of words and of characters. Within each, every n-gram that is present adds its row, and the
    sum is divided by the norm of the bag's ratios; the logits of both are added."""

    block: torch.Tensor

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__()
        self.sizes, self.classes = tuple(sizes), classes
        # N-grams of words, of characters, padding. Columns: contribution to each logit, then squared ratio of each.
        self.table = nn.Embedding(sum(sizes) + 1, 2 * classes, padding_idx=sum(sizes))
        nn.init.zeros_(self.table.weight)
        self.bias = nn.Parameter(torch.zeros(classes))
        self.register_buffer("block", torch.tensor([[True], [False]]), persistent=False)

    def forward(self, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Int32 [B, T], each id once, padded with sum(sizes), whose row is zero -> logits float32 [B, C]."""
        member = ((input_ids.unsqueeze(1) < self.sizes[0]) == self.block).to(torch.float32)
        sums = member @ self.table(input_ids)  # by MatMul: docs/decisions/0003-same-bytes.md
        bags = sums[..., : self.classes] / (sums[..., self.classes :] + 1e-6).sqrt()
        return {"logits": bags[:, 0] + bags[:, 1] + self.bias}


def ratios(rows: Sequence[np.ndarray], applies: np.ndarray, size: int, smoothing: float) -> torch.Tensor:
    """Log-ratio of each n-gram's share within a class to its share outside, float32 [size, C]; `applies` [N, C] says
    which classes a text has."""
    counts = np.full((size, applies.shape[1]), smoothing)
    outside = counts.copy()
    for row, flags in zip(rows, applies, strict=True):
        counts[row] += flags
        outside[row] += 1 - flags
    return torch.from_numpy((np.log(counts / counts.sum(0)) - np.log(outside / outside.sum(0))).astype(np.float32))


def fit(
    rows: Sequence[np.ndarray], labels: torch.Tensor, size: int, classes: int, *, smoothing: float, strength: float,
    weights: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """(table float32 [size, 2 C], bias [C]) of the logistic regression with L2 penalty 1 / (2 `strength`); labels as
    in `head.likelihood`, `weights` [C] of the classes."""
    applies = labels if labels.is_floating_point() else nn.functional.one_hot(labels, classes)
    ratio = ratios(rows, applies.numpy(), size, smoothing)
    flat = torch.from_numpy(np.concatenate([*rows, np.empty(0, np.int32)]).astype(np.int64))
    starts = torch.from_numpy(np.concatenate([[0], np.cumsum([len(row) for row in rows])[:-1]]).astype(np.int64))
    norm = (nn.functional.embedding_bag(flat, ratio.square(), starts, mode="sum") + 1e-6).sqrt()
    weight, bias = torch.zeros(size, classes, requires_grad=True), torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = nn.functional.embedding_bag(flat, weight * ratio, starts, mode="sum") / norm + bias
        loss = likelihood(logits, labels, weights) * strength + 0.5 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return torch.cat([(weight * ratio).detach(), ratio.square()], 1), bias.detach()
