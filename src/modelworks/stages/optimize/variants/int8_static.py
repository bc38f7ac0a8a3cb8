"""Weights and activations in 8 bits, with ranges of the activations recorded on dev examples (QDQ format)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from modelworks.contracts.variant import Feeds, Variant
from modelworks.stages.optimize.quantize import quiet, saturates


class _Reader:
    """What onnxruntime asks calibration feeds of."""

    def __init__(self, feeds: Iterator[Mapping[str, np.ndarray]]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, np.ndarray] | None:
        feed = next(self._feeds, None)
        return None if feed is None else dict(feed)


def transform(graph: Path, target: Path, feeds: Feeds) -> None:
    """Calibrate with minima and maxima, then write quantize/dequantize pairs around products and convolutions."""
    with quiet(), tempfile.TemporaryDirectory() as folder:
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(graph), str(prepared), skip_symbolic_shape=True)
        reader = type("Reader", (_Reader, CalibrationDataReader), {})(iter(feeds(graph.stem)))
        quantize_static(
            str(prepared), str(target), reader, quant_format=QuantFormat.QDQ, per_channel=True,
            weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8, reduce_range=saturates(),
            op_types_to_quantize=["Conv", "MatMul", "Gemm", "Gather"],
        )  # fmt: skip


VARIANT = Variant(
    name="int8-static", summary="8-bit weights and activations, calibrated", transform=transform, parity=1.0
)
