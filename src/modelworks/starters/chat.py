"""The chat starter: a GGUF file of an installed package as a bundle."""

from __future__ import annotations

import ctypes
from pathlib import Path

from modelworks.bundle import Licence, from_gguf
from modelworks.bundle.engines.gguf import library
from modelworks.core.errors import BundleError
from modelworks.core.files import link_or_copy

_BF16 = 32
"""llama.cpp's number of the file type."""
_LICENCE = Licence(what="weights", licence="Apache-2.0", source="https://huggingface.co/HuggingFaceTB")


def build(weights: Path, folder: Path) -> None:
    """The bundle of the one GGUF file in `weights`. Where the processor multiplies bfloat16, the weights are unpacked
    to it: the same numbers up to rounding, and several tokens at once are read three times as quickly."""
    (source,) = weights.glob("*.gguf")
    from_gguf(source, folder, licences=[_LICENCE], place=_place)


def _place(source: Path, target: Path) -> None:
    llama = library()
    if b"AVX512_BF16 = 1" not in llama.llama_print_system_info():
        link_or_copy(source, target)
        return
    params = llama.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = _BF16, True, 1
    if llama.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)):
        raise BundleError("llama.cpp cannot convert the file", where=str(source))
