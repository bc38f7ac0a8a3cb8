"""Half precision: half the size. On processors without half-precision kernels it is slower, which is measured."""

from __future__ import annotations

from pathlib import Path

from modelworks.contracts.variant import Feeds, Variant
from modelworks.stages.optimize.quantize import quiet


def transform(graph: Path, target: Path, feeds: Feeds) -> None:
    """Weights and arithmetic to float16; inputs and outputs stay float32."""
    with quiet():
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        model = convert_float_to_float16(onnx.load(str(graph)), keep_io_types=True)
        onnx.save(model, str(target))


VARIANT = Variant(name="float16", summary="half precision", transform=transform, parity=0.02)
