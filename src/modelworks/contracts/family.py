"""Family: a network with its front end, loss and export. A leaf `modelworks/stages/learn/families/<name>.py` sets
`FAMILY`; it is the only kind of leaf that may import torch.

`prepare` → `build` → `load` → `start` → training by the stage → `export`. Pretrained or compact is a *source* of
weights: each has its own options and its own network. `build` needs no source, so that export and resume work from
the checkpoint alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from msgspec import Struct

from modelworks.contracts.body import Body
from modelworks.kinds import Example


class Graph(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A graph of a bundle: a file and its inputs and outputs, in the order calls feed them."""

    name: str
    file: str
    """Relative path inside the bundle, as `graphs/model.onnx`."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    engine: str = "onnx"


class Resource(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of a bundle that ops read: `type` is one of the closed set the bundle room opens."""

    name: str
    file: str
    type: str
    """`tokenizer` (tokenizer.json), `array` (.npy), `json`, `lines` (UTF-8 text), `collection` (a few
    sample documents, in the place of which a user attaches a collection of their own)."""


class Front(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `prepare` made: the body, and the resource files it wrote."""

    body: Body
    resources: tuple[Resource, ...] = ()


class Source(Struct, frozen=True, kw_only=True):
    """Where weights come from: `compact` (none), or a folder with the files of a pretrained model."""

    name: str
    """As the user wrote it."""
    folder: Path | None = None
    sha256: dict[str, str] = {}
    """File (relative to `folder`) -> its SHA-256."""
    licence: str = ""
    origin: str = ""
    """Where the weights were had: a hub id, a folder, or a package with its version."""

    @property
    def compact(self) -> bool:
        return self.folder is None


class Recipe(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every family's options hold: how the training loop runs. Families set their own defaults."""

    space: ClassVar[Mapping[str, Any]] = {}
    """Options worth searching: option -> list of choices, or {low, high, log}."""

    epochs: float = 3
    """Most passes over the training split; fewer when the budget ends first."""
    batch_size: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    """Of the new layer on top."""
    weight_decay: float = 0.01
    warmup: float = 0.1
    """Share of the steps during which the learning rates rise."""
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    label_smoothing: float = 0.0
    ema: float = 0.0
    """Decay of the moving average of the weights that is scored and kept; 0 for none."""
    soup: int = 1
    """Most runs whose weights are averaged (Wortsman et al. 2022): from the same first weights, with other orders of
    the examples. As many as the budget holds whole; a run whose weights do not help on dev is left out."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    class_weights: Literal["none", "balanced"] = "none"
    patience: int = 5
    """Scorings on the dev split without a better one after which training stops."""
    scorings: float = 2.0
    """Scorings on the dev split an epoch."""
    threads: int = 0
    """Processor threads; 0 for all the process may use."""
    scored: int = 2000
    """Most dev examples that a scoring during training uses (decoding step by step is slow)."""
    fast_math: bool = True
    """bfloat16 in the network while training, where the processor multiplies it (weights stay float32)."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network's arithmetic while training; auto is what `fast_math` says."""
    processes: int = 1
    """Processes of this machine among which each batch is parted; the loss is that of one process."""
    shard: Literal["none", "full"] = "none"
    """full: weights, gradients and the optimizer's state are parted among the processes too (FSDP)."""
    compile: bool = False
    """torch.compile: the first steps take much longer, the others less. Needs a C++ compiler."""


Batcher = Callable[[Sequence[int], np.random.Generator], dict[str, Any]]
"""(positions of rows, source of all chance) -> tensors as of `collate`. The stage seeds the chance by step, so that a
resumed run sees the same batches."""


class Family(Protocol):
    """The members of FAMILY."""

    name: str
    shape: str
    """The body it brings (contracts/body.py)."""
    options: type[Recipe]
    """Its hyper-parameters with defaults, for a pretrained source; `train.options` is checked against it."""
    compact: type[Recipe]
    """The same for a network from scratch."""
    targets: tuple[str, ...]
    """Tensors of a batch that only `loss` reads; the module is fed all others."""

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        """Look at the training inputs, write resource files (a tokenizer…) under `folder`, and what `build` needs to
        make the network again without the source; give the body."""

    def numericalize(
        self, rows: Sequence[Mapping[str, Any]], front: Front, folder: Path
    ) -> Sequence[Mapping[str, Any]]:
        """Training rows whose targets, as the task encoded them, are made numbers with the files that `prepare` wrote
        (subwords of a target text, ids of tags); once, before training."""

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> Any:
        """A torch module of the right structure, from what `prepare` wrote under `folder`; `forward(**feeds)` takes
        tensors named as the body's graph inputs and gives tensors by name."""

    def load(self, module: Any, source: Source) -> None:
        """Fill the module's backbone with the source's weights. Not called for a compact source."""

    def start(self, module: Any, rows: Sequence[Mapping[str, Any]], front: Front, options: Any) -> bool:
        """Give the module its first usable weights quickly (a linear head on frozen features…); False when this
        network has no such thing."""

    def settle(self, module: Any, score: Callable[[], float]) -> float | None:
        """Last choices once the weights are known, made in the module by their score on dev (higher is better); the
        score of what was chosen, None when there was nothing to choose."""

    def groups(self, module: Any, options: Any) -> list[dict[str, Any]]:
        """Parameter groups for AdamW, each with its `lr` and `weight_decay`; empty when `start` already fits the
        network, so that there is nothing to train by gradient steps."""

    def optimizer(self, groups: list[dict[str, Any]]) -> Any:
        """A torch optimizer over the groups; its state is saved and resumed as any."""

    def graphs(self, module: Any) -> Mapping[str, Any]:
        """Graph name, as the body's calls have it -> torch module with `forward(**feeds)` to tensors by name."""

    def length(self, row: Mapping[str, Any]) -> int:
        """The cost of a training row; rows of like length share a batch."""

    def collate(self, rows: Sequence[Mapping[str, Any]], front: Front) -> dict[str, Any]:
        """Row-wise variables and encoded targets of some examples -> tensors; the same padding as the body's ops
        (whose parameters `front` holds)."""

    def batcher(self, rows: Sequence[Mapping[str, Any]], front: Front, classes: Sequence[str], options: Any) -> Batcher:
        """Makes the training batches: rows by their positions, changed at random where the recipe says so."""

    def loss(self, outputs: Mapping[str, Any], batch: Mapping[str, Any], options: Any) -> Any:
        """A scalar tensor. `batch["class_weights"]` float32 [C] is there when the recipe weighs classes."""

    def export(self, module: Any, folder: Path) -> tuple[Graph, ...]:
        """Write the files of all `graphs` under `folder`; dynamic batch (and length) axes."""
