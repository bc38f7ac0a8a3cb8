"""Weights in 8 bits, activations quantized as they come: small, and fast where the processor has 8-bit dot products."""

from __future__ import annotations

import tempfile
from pathlib import Path

from modelworks.contracts.variant import Feeds, Variant
from modelworks.stages.optimize.fusion import fuse
from modelworks.stages.optimize.quantize import quiet, saturates


def transform(graph: Path, target: Path, feeds: Feeds) -> None:
    """Matrix products, attention and embeddings to signed 8 bits, one scale a channel. A transformer is fused first:
    fewer quantizations of activations a layer (measured on MiniLM, one row: 4.2 ms against 5.5 ms)."""
    with quiet(), tempfile.TemporaryDirectory() as folder:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        fused = Path(folder) / "fused.onnx"
        start = fused if fuse(graph, fused) else graph
        quantize_dynamic(
            str(start), str(target), weight_type=QuantType.QInt8, per_channel=True, reduce_range=saturates(),
            extra_options={"DefaultTensorType": 1},
        )  # fmt: skip


VARIANT = Variant(
    name="int8-dynamic", summary="8-bit weights, activations quantized on the fly", transform=transform, parity=1.0
)
