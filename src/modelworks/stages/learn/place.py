"""Where networks run on this machine, and what they do there natively."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor, nn

from modelworks.core.errors import StepError

CPU = torch.device("cpu")


def device() -> torch.device:
    """The graphics card of this process, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def of(module: nn.Module) -> torch.device:
    """Where a module's weights lie."""
    return next((weight.device for weight in module.parameters()), CPU)


def moved(batch: Mapping[str, Tensor], where: torch.device) -> dict[str, Tensor]:
    """The tensors of a batch, at a place."""
    return {name: value.to(where) for name, value in batch.items()}


@cache
def fast_math(where: torch.device = CPU) -> bool:
    """Whether bfloat16 is multiplied natively there; where it is not, it is slower than float32."""
    if where.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and torch.backends.cpu.get_cpu_capability() == "AVX512"


@contextmanager
def within_memory() -> Iterator[None]:
    """A graphics card that has too little memory for the block is a StepError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        free, whole = torch.cuda.mem_get_info() if torch.cuda.is_available() else (0, 0)
        raise StepError(
            "the graphics card has too little memory for this training", where="train",
            seen=f"{str(error).splitlines()[0]} ({free / 1e9:.1f} of {whole / 1e9:.1f} GB are free)",
            hint="lower train.options.batch_size, or the length of its examples; is another process using the card? "
            'CUDA_VISIBLE_DEVICES="" trains on the processor',
        ) from error  # fmt: skip


@contextmanager
def exactly(wanted: bool) -> Iterator[None]:
    """Algorithms that give the same bits each time, for the block. `wanted`: any that cannot is an error, and only
    then does a graphics card's attention do so (PyTorch's attention_backward.cu); else it is used with a warning."""
    before = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=not wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(True, warn_only=before)


def finish(where: torch.device) -> None:
    """Wait until all that was asked of a place is done: a graphics card works on after the call returns."""
    if where.type == "cuda":
        torch.cuda.synchronize()
