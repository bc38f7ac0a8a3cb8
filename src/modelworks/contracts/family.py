"""Family: a network with its front end, loss and export. A leaf `modelworks/stages/learn/families/<name>.py` sets
`FAMILY`; it is the only kind of leaf that may import torch.

`prepare` → `build` → training by the stage → `export`. Pretrained or compact is a *source* of weights, not a flag
inside the network: each family says in `build` how it makes the network from the source it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

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
    """`tokenizer` (tokenizer.json), `array` (.npy), `json`, `lines` (UTF-8 text)."""


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
    licence: str = ""


class Family(Protocol):
    """The members of FAMILY."""

    name: str
    shape: str
    """The body it brings (contracts/body.py)."""
    options: type[Struct]
    """Its hyper-parameters with defaults; `train.options` is checked against it."""

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        """Look at the training inputs, write resource files (a tokenizer…) under `folder`, give the body."""

    def build(self, front: Front, classes: Sequence[str], source: Source, options: Any, folder: Path) -> Any:
        """A torch module; `forward(**feeds)` takes the tensors that `collate` makes, gives tensors by name."""

    def collate(self, rows: Sequence[Mapping[str, Any]], options: Any) -> dict[str, Any]:
        """Row-wise variables and encoded targets of some examples -> tensors; the same padding as the body's ops."""

    def loss(self, outputs: Mapping[str, Any], batch: Mapping[str, Any], options: Any) -> Any:
        """A scalar tensor."""

    def export(self, module: Any, folder: Path) -> tuple[Graph, ...]:
        """Write graph files under `folder`; dynamic batch (and length) axes."""
