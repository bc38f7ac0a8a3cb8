"""TensorFlow SavedModel (a folder). TensorFlow opens it, in a Python of its own."""

from __future__ import annotations

from pathlib import Path

from modelworks.contracts.foreign import Foreign, Request
from modelworks.stages.learn.tensorflow import TensorFlowModel


class SavedModelImport:
    """Converted by tf2onnx; parity is with TensorFlow's own answers."""

    summary = "TensorFlow SavedModel (a folder)"
    suffixes: tuple[str, ...] = ()

    def open(self, file: Path, request: Request, scratch: Path) -> Foreign:
        return TensorFlowModel("saved-model", file, request, scratch)


IMPORT = SavedModelImport()
