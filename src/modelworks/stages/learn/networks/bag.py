"""A linear classifier over bags of n-grams, naive Bayes weighted (Wang and Manning 2012, NB-SVM)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn


class Bag(nn.Module):
    """One block of n-grams: each present n-gram adds its row; the sum is divided by the norm of the bag's ratios."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.size, self.classes = size, classes
        # Row `size` is the padding. Columns: contribution to each logit, then the squared ratio of each class.
        self.table = nn.Embedding(size + 1, 2 * classes)
        nn.init.zeros_(self.table.weight)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Int32 [B, T], padded with `size`, each id once -> float32 [B, C]."""
        present = (ids != self.size).unsqueeze(1).to(torch.float32)
        total = (present @ self.table(ids)).squeeze(1)  # by MatMul: docs/decisions/0003-same-bytes.md
        return total[:, : self.classes] / (total[:, self.classes :] + 1e-6).sqrt()


class BagClassifier(nn.Module):
    """The sum of the logits of several bags (words, characters)."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__()
        self.bags = nn.ModuleList(Bag(size, classes) for size in sizes)
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, words: torch.Tensor, characters: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.bags[0](words) + self.bags[1](characters) + self.bias}


def ratios(rows: Sequence[np.ndarray], labels: np.ndarray, size: int, classes: int, smoothing: float) -> torch.Tensor:
    """Log-ratio of each n-gram's share within a class to its share outside, float32 [size, C]."""
    counts = np.full((size, classes), smoothing)
    for row, label in zip(rows, labels, strict=True):
        counts[row, label] += 1
    others = counts.sum(1, keepdims=True) - counts
    return torch.from_numpy((np.log(counts / counts.sum(0)) - np.log(others / others.sum(0))).astype(np.float32))


def fit(
    rows: Sequence[np.ndarray], labels: np.ndarray, size: int, classes: int, *, smoothing: float, strength: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(table float32 [size + 1, 2 C], bias [C]) of the logistic regression with L2 penalty 1 / (2 `strength`)."""
    ratio = ratios(rows, labels, size, classes, smoothing)
    flat = torch.from_numpy(np.concatenate([*rows, np.empty(0, np.int32)]).astype(np.int64))
    starts = torch.from_numpy(np.concatenate([[0], np.cumsum([len(row) for row in rows])[:-1]]).astype(np.int64))
    norm = (nn.functional.embedding_bag(flat, ratio.square(), starts, mode="sum") + 1e-6).sqrt()
    target = torch.from_numpy(labels)
    weight, bias = torch.zeros(size, classes, requires_grad=True), torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = nn.functional.embedding_bag(flat, weight * ratio, starts, mode="sum") / norm + bias
        loss = nn.functional.cross_entropy(logits, target, reduction="sum") * strength + 0.5 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    table = torch.zeros(size + 1, 2 * classes)
    table[:size] = torch.cat([(weight * ratio).detach(), ratio.square()], 1)
    return table, bias.detach()
