"""A torch module of unknown making, as the import asks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelworks.contracts.family import Front
from modelworks.contracts.foreign import Port
from modelworks.core.errors import StepError

Export = Callable[[Any, Path, Sequence[np.ndarray], Sequence[Port]], None]


class Module:
    """`contracts.foreign.Foreign` over a callable of tensors."""

    front: Front | None = None
    folder: Path | None = None

    def __init__(self, module: Any, inputs: tuple[Port, ...], export: Export) -> None:
        self._module, self.inputs, self._export = module, inputs, export

    def run(self, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        with torch.inference_mode():
            found = self._module(*(torch.from_numpy(feed.copy()) for feed in feeds))
        values = found.values() if isinstance(found, dict) else found if isinstance(found, tuple | list) else [found]
        return [value.float().numpy() for value in values]

    def export(self, path: Path, feeds: Sequence[np.ndarray]) -> None:
        try:
            self._export(self._module, path, feeds, self.inputs)
        except Exception as error:  # the exporters raise classes of their own
            raise StepError(
                f"torch cannot write the model as an ONNX graph: {str(error).splitlines()[0]}", where="bundle import",
                hint="change the model so that torch.onnx.export takes it, or import an ONNX graph",
            ) from error  # fmt: skip
