"""Weights alone: safetensors, or a file of `torch.save` read with `weights_only`, for a network of our families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from modelworks.contracts import task as tasks
from modelworks.contracts.family import Family, Front
from modelworks.contracts.foreign import Foreign, Port, Request
from modelworks.core import registry
from modelworks.core.errors import BundleError, ConfigError
from modelworks.stages.learn import checkpoint as checkpoints
from modelworks.stages.learn import sources, state
from modelworks.stages.learn.checkpoint import Checkpoint
from modelworks.stages.learn.training import FAMILIES, options_of

_WRAPPERS = ("module.", "_orig_mod.")
"""Before the names of weights that were saved from DistributedDataParallel, from torch.compile."""


class StateDictImport:
    """With `like` the network is that of a checkpoint folder (`train` of a project); else of a family and options."""

    summary = "weights of one of our networks: safetensors, or torch.save (tensors only)"
    suffixes: tuple[str, ...] = (".safetensors", ".pt", ".pth", ".bin")

    def open(self, file: Path, request: Request, scratch: Path) -> Foreign:
        weights = _weights(file)
        if request.like is not None:
            facts = checkpoints.read(request.like)
            family: Family = registry.leaf(FAMILIES, facts.family, "FAMILY")
            return Network(file, family, facts, request.like, weights)
        family = registry.leaf(FAMILIES, request.family or tasks.find(request.task).shape, "FAMILY")
        return Network(file, family, _facts(family, request, scratch), scratch, weights)


class Network:
    """One of our networks with somebody's weights."""

    front: Front | None
    folder: Path | None

    def __init__(
        self, file: Path, family: Family, facts: Checkpoint, folder: Path, weights: dict[str, torch.Tensor]
    ) -> None:
        struct = family.compact if facts.compact else family.options
        module = family.build(facts.front, facts.classes, msgspec.convert(facts.options, struct), folder)
        try:
            module.load_state_dict(weights)
        except RuntimeError as error:
            raise BundleError(
                f"the weights are not those of the family {family.name} with these options", where=str(file),
                seen=str(error), hint="give the options it was trained with: --set NAME=VALUE",
            ) from error  # fmt: skip
        self._family, self._module = family, module.eval()
        self.front, self.folder = facts.front, folder
        graphs = family.graphs(self._module)
        if len(graphs) != 1:
            raise ConfigError("only networks of one graph can be imported", where="--family", seen=family.name)
        (call,) = [call for call in facts.front.body.calls if call.graph]
        self.inputs = tuple(Port(name=name) for name in call.inputs)

    def run(self, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        named = {port.name: torch.from_numpy(feed) for port, feed in zip(self.inputs, feeds, strict=True)}
        with torch.inference_mode():
            found: Mapping[str, torch.Tensor] = self._module(**named)
        return [found["logits"].float().numpy()]

    def export(self, path: Path, feeds: Sequence[np.ndarray]) -> None:
        self._family.export(self._module, path.parent.parent)


def _facts(family: Family, request: Request, scratch: Path) -> Checkpoint:
    """What a checkpoint would say of a network that no data was looked at for."""
    source = sources.resolve(request.model, Path.cwd())
    options = options_of(family, source, request.options)
    try:
        front = family.prepare([], source, options, scratch)
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise ConfigError(
            "this network is made from its training data: the weights alone do not say which", where="--like",
            seen=family.name, hint="give --like the checkpoint folder it was trained in",
        ) from error  # fmt: skip
    return Checkpoint(
        task=request.task, family=family.name, options=msgspec.to_builtins(options), compact=source.compact,
        classes=tuple(tasks.find(request.task).classes(request.labels)), labels=request.labels, front=front, source={},
        dataset="", seed=0, score=0.0, metric="", kept="", versions={},
    )  # fmt: skip


def _weights(file: Path) -> dict[str, torch.Tensor]:
    try:
        loaded: Any = state.read(file) if file.suffix == ".safetensors" else _tensors(file)
    except Exception as error:  # torch and safetensors raise classes of their own for a damaged file
        raise BundleError(
            f"the file is not tensors alone: {str(error).splitlines()[0]}", where=str(file),
            hint="write it as safetensors in a place you trust: safetensors.torch.save_file(model.state_dict(), FILE)",
        ) from error  # fmt: skip
    found = loaded.get("state_dict", loaded.get("model", loaded)) if isinstance(loaded, dict) else loaded
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise BundleError("the file holds no state dict", where=str(file), allowed="names -> tensors")
    for prefix in _WRAPPERS:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def _tensors(file: Path) -> Any:
    return torch.load(file, map_location="cpu", weights_only=True)


IMPORT = StateDictImport()
