"""Muon for matrices, AdamW for the rest (Jordan et al. 2024): orthogonalized momentum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from modelworks.stages.learn.place import fast_math

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
            some = [parameter for parameter in group["params"] if parameter.grad is not None]
            if some:
                torch._foreach_mul_(some, 1 - group["lr"] * group["weight_decay"])
                (self._orthogonal if group["muon"] else self._adam)(some, group["lr"])

    def _orthogonal(self, matrices: Sequence[Tensor], rate: float) -> None:
        """On a graphics card, which waits for many small calls, those of one shape at once (an H100: 3.4 ms, not
        30); on a processor one by one, as its cache likes them (a sixth less time)."""
        gradients = [_gradient(matrix) for matrix in matrices]
        means = [self.state[matrix].setdefault("mean", torch.zeros_like(matrix)) for matrix in matrices]
        torch._foreach_lerp_(means, gradients, 1 - _MOMENTUM)
        directions = torch._foreach_lerp(gradients, means, _MOMENTUM)
        alike: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = {}
        for matrix, direction in zip(matrices, directions, strict=True):
            for target, part in zip(_parts(matrix), _parts(direction), strict=True):
                alone = () if part.is_cuda else (len(alike),)
                alike.setdefault((*part.shape, *alone), []).append((target, part))
        for (rows, columns, *_), pairs in alike.items():
            made = newton_schulz(torch.stack([part for _, part in pairs]))
            scale = max(1, rows / columns) ** 0.5
            targets = [target for target, _ in pairs]
            torch._foreach_add_(targets, list(made.to(targets[0].dtype).unbind()), alpha=-rate * scale)

    def _adam(self, parameters: Sequence[Tensor], rate: float) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                zeros = {name: torch.zeros_like(parameter) for name in ("mean", "square")}
                self.state[parameter].update(step=torch.zeros(()), **zeros)
            self.state[parameter]["step"] += 1
        gradients = [_gradient(parameter) for parameter in parameters]
        means, squares = ([self.state[one][name] for one in parameters] for name in ("mean", "square"))
        steps = [int(self.state[parameter]["step"]) for parameter in parameters]
        torch._foreach_lerp_(means, gradients, 1 - _BETAS[0])
        torch._foreach_mul_(squares, _BETAS[1])
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - _BETAS[1])
        scales = torch._foreach_div(squares, [1 - _BETAS[1] ** step for step in steps])
        torch._foreach_sqrt_(scales)
        torch._foreach_add_(scales, _EPS)
        torch._foreach_addcdiv_(parameters, means, scales, [-rate / (1 - _BETAS[0] ** step) for step in steps])


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def _parts(matrix: Tensor) -> Sequence[Tensor]:
    """Query, key and value, which lie in one, are matrices each."""
    rows, columns = matrix.shape
    return matrix.chunk(3) if rows == 3 * columns else (matrix,)


def newton_schulz(matrices: Tensor) -> Tensor:
    """Matrices [..., R, C] with all singular values brought near 1, in the type that is quickest here: on a processor
    without bfloat16 of its own a step of a translator took 4.1 s, three quarters of it in here, in place of 1.1 s."""
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x.to(torch.bfloat16 if fast_math(matrices.device) else torch.float32)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(_STEPS):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.mT if tall else x


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
