"""The processes of one training, and what they say to each other.

Rank 0 leads: it measures, scores, decides and writes; the others take their share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn

from modelworks.core.errors import ConfigError

_PATIENCE = timedelta(hours=24)
"""Of a process that waits for another: a scoring may be long, and who starts them sees when one has died."""


class Ranks:
    """A rank among `size` processes; alone, every method gives back what it was given."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def agree(self, values: Sequence[float]) -> list[float]:
        """The values of rank 0."""
        if self.size == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        distributed.broadcast(shared, 0)
        found: list[float] = shared.tolist()
        return found

    def share(self, data: bytes) -> bytes:
        """The bytes of rank 0."""
        if self.size == 1:
            return data
        (length,) = self.agree([len(data)])
        shared = torch.zeros(int(length), dtype=torch.uint8)
        if self.leads:
            shared = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        distributed.broadcast(shared, 0)
        return bytes(shared.tolist())

    def total(self, value: float) -> float:
        """The sum over all ranks."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        distributed.all_reduce(shared)
        return float(shared)

    def spread(self, module: nn.Module) -> None:
        """Give every rank the weights of rank 0."""
        for value in module.state_dict().values() if self.size > 1 else ():
            distributed.broadcast(value, 0)

    def part(self, positions: Sequence[int]) -> Sequence[int]:
        """This rank's share of a batch; empty where the batch has fewer rows than there are ranks."""
        return positions[self.rank :: self.size]

    def wrapped(self, module: nn.Module) -> nn.Module:
        """The module with gradients that are means over all ranks."""
        if self.size == 1:
            return module
        return nn.parallel.DistributedDataParallel(module, find_unused_parameters=True)

    def sharded(self, module: nn.Module) -> nn.Module:
        """The module with weights, gradients and the optimizer's state in equal parts on all ranks (FSDP2)."""
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        cards = torch.cuda.device_count()
        if cards and "nccl" not in str(distributed.get_backend_config()):
            raise ConfigError(
                "weights are parted among graphics cards, one for each process", where="train.options.processes",
                seen=self.size, allowed=f"at most {cards}", hint='CUDA_VISIBLE_DEVICES="" trains on processors',
            )  # fmt: skip
        mesh = init_device_mesh("cuda" if cards else "cpu", (self.size,))
        for part in module.modules():
            if isinstance(part, nn.ModuleList):
                for layer in part:
                    fully_shard(layer, mesh=mesh)
        made: nn.Module = fully_shard(module, mesh=mesh)
        return made


ALONE = Ranks()


def whole(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """A state dict whose sharded tensors are put together again; all ranks have to ask at once."""
    return {
        name: value.full_tensor() if hasattr(value, "full_tensor") else value.detach() for name, value in state.items()
    }


def weight(batch: Mapping[str, Any], rows: int, classes: torch.Tensor | None = None) -> float:
    """How much of a batch's mean loss some rows are: their labelled units (weighed as their classes are), or the rows
    where no integer labels tell."""
    labels = batch.get("labels")
    if labels is None or labels.is_floating_point():
        return float(rows)
    known = labels[labels != -100]
    return float(known.numel()) if classes is None else float(classes[known].sum())


@contextmanager
def joined(rank: int, size: int, meeting: Path) -> Iterator[Ranks]:
    """Meet the other processes at a file; for the block. Only loopback is listened on."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    cards = torch.cuda.device_count()
    if cards:
        torch.cuda.set_device(rank % cards)
    backend = "cpu:gloo,cuda:nccl" if cards >= size else "gloo"  # NCCL wants a card for each process
    distributed.init_process_group(
        backend, init_method=f"file://{meeting}", rank=rank, world_size=size, timeout=_PATIENCE
    )
    try:
        yield Ranks(rank, size)
    finally:
        distributed.destroy_process_group()
