"""TFLite. TensorFlow opens it, in a Python of its own."""

from __future__ import annotations

from pathlib import Path

from modelworks.contracts.foreign import Foreign, Request
from modelworks.stages.learn.tensorflow import TensorFlowModel


class TfliteImport:
    """Converted by tf2onnx; parity is with TensorFlow's own answers."""

    summary = "TFLite"
    suffixes: tuple[str, ...] = (".tflite",)

    def open(self, file: Path, request: Request, scratch: Path) -> Foreign:
        return TensorFlowModel("tflite", file, request, scratch)


IMPORT = TfliteImport()
