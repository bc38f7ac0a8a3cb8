"""What this machine's processor does natively."""

from __future__ import annotations

from functools import cache

import torch


@cache
def fast_math() -> bool:
    """Whether this processor multiplies bfloat16 natively; where it does not, bfloat16 is slower than float32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and torch.backends.cpu.get_cpu_capability() == "AVX512"
