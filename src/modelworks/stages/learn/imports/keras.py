"""Keras 3 (model.save), opened in safe mode. TensorFlow opens it, in a Python of its own."""

from __future__ import annotations

from pathlib import Path

from modelworks.contracts.foreign import Foreign, Request
from modelworks.stages.learn.tensorflow import TensorFlowModel


class KerasImport:
    """Converted by tf2onnx; parity is with TensorFlow's own answers."""

    summary = "Keras 3 (model.save), opened in safe mode"
    suffixes: tuple[str, ...] = (".keras",)

    def open(self, file: Path, request: Request, scratch: Path) -> Foreign:
        return TensorFlowModel("keras", file, request, scratch)


IMPORT = KerasImport()
