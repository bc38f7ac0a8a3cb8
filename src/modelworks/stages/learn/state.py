"""Weights beside the network's own: the moving average and the best so far, and their files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from modelworks.stages.learn.ranks import whole

State = dict[str, torch.Tensor]
MEAN, BEST = "mean.safetensors", "best.safetensors"


class Average:
    """Exponential moving average of all weights and statistics (decay 0: the weights themselves), and the best kept.

    The decay grows from small values, min(decay, step / (step + 10)), so that the start is soon forgotten."""

    def __init__(self, module: nn.Module, decay: float, twin: nn.Module | None = None) -> None:
        """`twin` has the same parts as `module`, whole: where that one's weights are parted among processes, it is
        the one that is scored and kept."""
        self._module, self._decay = module, decay
        self._twin = twin if twin is not module else None
        self._mean: State | None = copy(module.state_dict()) if decay else None
        self.best: State | None = None

    @torch.no_grad()
    def step(self, step: int) -> None:
        """After optimizer step number `step` (from 1)."""
        if self._mean is None:
            return
        share = 1 - min(self._decay, step / (step + 10))
        current = self._module.state_dict()
        floats = [name for name, value in self._mean.items() if value.dtype.is_floating_point]
        torch._foreach_lerp_([self._mean[n] for n in floats], [current[n] for n in floats], share)
        for name in self._mean.keys() - set(floats):
            self._mean[name].copy_(current[name])

    @contextmanager
    def applied(self) -> Iterator[nn.Module]:
        """The module with the averaged weights, for the block."""
        if self._twin is not None:
            self._twin.load_state_dict(whole(self._mean or self._module.state_dict()))
            yield self._twin
            return
        if self._mean is None:
            yield self._module
            return
        own = copy(self._module.state_dict())
        self._module.load_state_dict(self._mean)
        try:
            yield self._module
        finally:
            self._module.load_state_dict(own)

    def keep(self) -> None:
        """The weights of the module that `applied` gives are the best so far."""
        self.best = copy((self._twin or self._module).state_dict())

    def save(self, folder: Path) -> None:
        """Write mean and best beside a checkpoint."""
        for name, state in ((MEAN, self._mean), (BEST, self.best)):
            if state is not None:
                write(folder / name, state)

    def load(self, folder: Path) -> None:
        """Read them back."""
        if self._mean is not None:
            self._mean = {name: value.to(self._mean[name].device) for name, value in read(folder / MEAN).items()}
        self.best = read(folder / BEST) if (folder / BEST).is_file() else None


def copy(state: State) -> State:
    """A copy that no step changes."""
    return {name: value.detach().clone() for name, value in state.items()}


def write(path: Path, state: State) -> None:
    """Tensors as safetensors; shared storage is written twice, never refused."""
    from safetensors.torch import save_file

    save_file({name: value.detach().cpu().contiguous().clone() for name, value in state.items()}, path)


def read(path: Path) -> State:
    """Tensors of a safetensors file."""
    from safetensors.torch import load_file

    loaded: State = load_file(path)
    return loaded
