"""Muon for matrices, AdamW for the rest (Jordan et al. 2024): orthogonalized momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from modelworks.stages.learn.processor import fast_math

_MOMENTUM = 0.95
_STEPS = 5
_BETAS, _EPS = (0.9, 0.95), 1e-8


class Muon(torch.optim.Optimizer):
    """Groups with `muon: True` hold matrices; those of others are stepped as AdamW does."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.0, "muon": False})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            update = _orthogonal if group["muon"] else _adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    update(parameter, self.state[parameter], group["lr"])


def _orthogonal(parameter: Tensor, state: dict[str, Any], rate: float) -> None:
    gradient = parameter.grad
    assert gradient is not None
    mean = state.setdefault("mean", torch.zeros_like(parameter))
    mean.lerp_(gradient, 1 - _MOMENTUM)
    direction = gradient.lerp(mean, _MOMENTUM)
    rows, columns = direction.shape
    parts = direction.chunk(3) if rows == 3 * columns else (direction,)  # query, key and value are matrices each
    for target, part in zip(parameter.chunk(len(parts)), parts, strict=True):
        scale = max(1, part.shape[0] / part.shape[1]) ** 0.5
        target.add_(newton_schulz(part).to(target.dtype), alpha=-rate * scale)


def newton_schulz(matrix: Tensor) -> Tensor:
    """The matrix with all singular values brought near 1, in the type that is quickest here: on a processor without
    bfloat16 of its own a step of a translator took 4.1 s, three quarters of it in here, in place of 1.1 s."""
    x = (matrix / (matrix.norm() + 1e-7)).to(torch.bfloat16 if matrix.is_cuda or fast_math() else torch.float32)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(_STEPS):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if tall else x


def _adam(parameter: Tensor, state: dict[str, Any], rate: float) -> None:
    gradient = parameter.grad
    assert gradient is not None
    if not state:
        state.update(step=torch.zeros(()), mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
    state["step"] += 1
    step = int(state["step"])
    mean, square = state["mean"].lerp_(gradient, 1 - _BETAS[0]), state["square"]
    square.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
    scale = (square / (1 - _BETAS[1] ** step)).sqrt_().add_(_EPS)
    parameter.addcdiv_(mean, scale, value=-rate / (1 - _BETAS[0] ** step))


def groups(module: nn.Module, layers: Iterable[nn.Parameter], options: Any) -> list[dict[str, Any]]:
    """Parameter groups for Muon: the matrices among `layers` go by it, all else of the module (embeddings, norms) by
    AdamW without decay."""
    matrices = [p for p in layers if p.ndim == 2]
    known = {id(p) for p in matrices}
    others = [p for p in module.parameters() if id(p) not in known]
    decay = options.weight_decay
    return [
        {"params": matrices, "lr": options.matrix_learning_rate, "weight_decay": decay, "muon": True},
        {"params": others, "lr": options.learning_rate, "weight_decay": 0.0, "muon": False},
    ]
