"""The chat starter: a GGUF file of an installed package as a bundle."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

import msgspec

from modelworks.bundle import Draft, causal, gguf, record_selftest, write
from modelworks.bundle.engines.gguf import library
from modelworks.bundle.manifest import Licence
from modelworks.bundle.sessions import interpreter
from modelworks.contracts import task as tasks
from modelworks.contracts.family import Graph
from modelworks.core.errors import BundleError
from modelworks.kinds import Prompt, Sampling

_FILE = "graphs/model.gguf"
_BF16 = 32
"""llama.cpp's number of the file type."""
_TRIED = ("The capital of France is", "Once upon a time there was a")


def build(weights: Path, folder: Path) -> None:
    """The bundle of the one GGUF file in `weights`. Where the processor multiplies bfloat16, the weights are unpacked
    to it: the same numbers up to rounding, and several tokens at once are read three times as quickly."""
    (source,) = weights.glob("*.gguf")
    (folder / "graphs").mkdir()
    (folder / "resources").mkdir()
    _place(source, folder / _FILE)
    known = gguf.metadata(source)
    (folder / causal.TOKENIZER.file).write_text(gguf.tokenizer(known, str(source)).to_str(), "utf-8")
    template = gguf.template(known)
    if template is not None:
        (folder / causal.TEMPLATE.file).write_bytes(msgspec.json.encode(template))
    draft = _draft(known["general.name"], template is not None, gguf.edges(known), source.name)
    inputs = [Prompt(text, sampling=Sampling(max_tokens=1, temperature=0, logprobs=0)) for text in _TRIED]
    record_selftest(folder, inputs, interpreter(folder, draft).run(inputs))
    write(folder, draft)


def _place(source: Path, target: Path) -> None:
    llama = library()
    if b"AVX512_BF16 = 1" not in llama.llama_print_system_info():
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
        return
    params = llama.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = _BF16, True, 1
    if llama.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)):
        raise BundleError("llama.cpp cannot convert the file", where=str(source))


def _draft(name: str, template: bool, edges: dict[str, list[int]], source: str) -> Draft:
    task = tasks.find("text-generation")
    resources = (causal.TOKENIZER, *([causal.TEMPLATE] if template else []))
    return Draft(
        name="text-generation", task=task.name, input=task.input, target=task.target, prediction=task.prediction,
        labels=(), program=task.program((), causal.body(edges, template=template)), resources=resources,
        graphs=(Graph(name="model", file=_FILE, inputs=("input_ids",), outputs=("logits",), engine="gguf"),),
        metrics=task.metrics, provenance={"model": name, "file": source},
        licences=(Licence(what="weights", licence="Apache-2.0", source="https://huggingface.co/HuggingFaceTB"),),
    )  # fmt: skip
