"""What the Keras families share: a network that TensorFlow trained, carried as its ONNX graph.

Keras trains at once, in the Python that has TensorFlow (tensorflow.py), as the quick start of a family does; there are
no gradient steps of ours after it. What comes back is the graph, and Keras's own answers to some rows, which it must
give too. The budget does not end a Keras training: its epochs do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import nn

from modelworks.bundle import Runtime
from modelworks.contracts.family import Front, Graph, Recipe, Source
from modelworks.core import registry
from modelworks.core.errors import ConfigError, StepError
from modelworks.stages.learn import base, tensorflow
from modelworks.stages.learn.adapting import Inlet, adapt

_FILE = "graphs/model.onnx"
_TOLERANCE = 1e-3


class Carried(nn.Module):
    """An ONNX graph as a module: its weights are the bytes of the file."""

    def __init__(self, variable: str, classes: int) -> None:
        super().__init__()
        self.entry = Graph(name="model", file=_FILE, inputs=(variable,), outputs=("logits",))
        self.classes, self.graph = classes, b""
        self._run: Any = None

    def get_extra_state(self) -> torch.Tensor:
        return torch.frombuffer(bytearray(self.graph), dtype=torch.uint8) if self.graph else torch.zeros(0).byte()

    def set_extra_state(self, state: torch.Tensor) -> None:
        self.graph, self._run = state.numpy().tobytes(), None

    def forward(self, **feeds: torch.Tensor) -> dict[str, torch.Tensor]:
        if self._run is None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.onnx"
                path.write_bytes(self.graph)
                self._run = registry.load("modelworks.bundle.engines.onnx:ENGINE")(path, self.entry, Runtime())
        found = self._run({name: value.numpy() for name, value in feeds.items()})
        return {name: torch.from_numpy(value) for name, value in found.items()}


class KerasFamily(base.Base):
    """`network` names the function of tensorflow_worker.py that makes the model; `variable` is its one input."""

    name: str
    network: str
    variable: str
    column: str
    """Row-wise variable that the input is made of."""

    def facts(self, front: Front, folder: Path) -> dict[str, Any]:
        """What the network's maker is told besides the options."""
        raise NotImplementedError

    def refuse(self, source: Source) -> None:
        """A ConfigError for weights from elsewhere."""
        if not source.compact:
            raise ConfigError(
                "a Keras family trains from scratch", where="train.model", seen=source.name, allowed="compact",
                hint="a Keras model that is trained already: modelworks bundle import",
            )  # fmt: skip

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        made = Carried(self.variable, len(classes))
        made.facts = self.facts(front, folder)
        return made

    def start(self, module: nn.Module, rows: base.Rows, front: Front, options: Recipe) -> bool:
        assert isinstance(module, Carried)
        if not rows:
            return False
        python = tensorflow.interpreter()
        batch = self.collate(rows, front)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            np.savez(folder / "rows.npz", inputs=batch[self.variable].numpy(), labels=batch["labels"].numpy())
            job = {
                "do": "fit", "network": self.network, "classes": module.classes, "seed": torch.initial_seed() % 2**31,
                "options": msgspec.to_builtins(options), **module.facts,
            }  # fmt: skip
            tensorflow.work(python, job, folder)
            self._take(module, folder, batch[self.variable])
        return True

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        return []

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        assert isinstance(module, Carried)
        (folder / _FILE).parent.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_bytes(module.graph)
        return (module.entry,)

    def _take(self, module: Carried, folder: Path, inputs: torch.Tensor) -> None:
        (port,) = tensorflow.signature(folder)
        axes = ("batch", *inputs.shape[1:])
        inlet = Inlet(name=self.variable, comes=str(inputs.numpy().dtype), axes=axes, dtype=port.dtype)
        adapt(folder / "model.onnx", [inlet], ("logits",), "logits")
        module.graph, module._run = (folder / "model.onnx").read_bytes(), None
        (expected,) = tensorflow.answers(folder)
        found = module(**{self.variable: inputs[: len(expected)]})["logits"].numpy()
        worst = float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))
        if not worst <= _TOLERANCE:
            raise StepError(
                "the ONNX graph does not answer as the Keras model it was made from", where="train", seen=worst,
                allowed=f"a difference of at most {_TOLERANCE}",
            )  # fmt: skip

    def labelled(self, rows: base.Rows, inputs: np.ndarray) -> Mapping[str, torch.Tensor]:
        """A batch of inputs with the labels of its rows."""
        labels = torch.from_numpy(np.array([row["labels"] for row in rows]))
        if labels.is_floating_point():
            raise ConfigError(
                "a Keras family gives one class, not sets of labels", where="train.family", seen=self.name
            )
        return {self.variable: torch.from_numpy(inputs), "labels": labels}
