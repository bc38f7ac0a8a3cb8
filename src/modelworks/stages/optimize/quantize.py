"""What the 8-bit and 16-bit variants share."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

_DOT = ("avx512_vnni", "avx_vnni", "asimddp")


def saturates(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether sums of two 8-bit products overflow here: x86 without VNNI adds them in 16 bits, so that weights must
    stay in 7 bits (onnxruntime, "Quantize ONNX models", reduce_range)."""
    try:
        text = cpuinfo.read_text("utf-8", "replace")
    except OSError:
        return True
    return not any(flag in text for flag in _DOT)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the advice that the converters print, which is not for our users; telemetry off before the import."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
