"""A bundle of a GGUF file: its own tokenizer, chat template and marks, run by llama.cpp."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelworks.bundle import causal, gguf
from modelworks.bundle.manifest import Draft, Licence, Manifest
from modelworks.bundle.selftest import record_selftest
from modelworks.bundle.sessions import interpreter
from modelworks.bundle.write import write
from modelworks.contracts import task as tasks
from modelworks.contracts.family import Graph
from modelworks.core.files import link_or_copy
from modelworks.kinds import Prompt, Sampling

_FILE = "graphs/model.gguf"
_TRIED = ("The capital of France is", "Once upon a time there was a")


def from_gguf(
    source: Path, folder: Path, *, licences: Sequence[Licence], provenance: Mapping[str, Any] | None = None,
    place: Callable[[Path, Path], None] = link_or_copy,
) -> Manifest:  # fmt: skip
    """A bundle of task `text-generation` in an empty folder; `place(source, target)` puts the file where it lies."""
    (folder / "graphs").mkdir(parents=True)
    (folder / "resources").mkdir()
    place(source, folder / _FILE)
    known = gguf.metadata(source)
    (folder / causal.TOKENIZER.file).write_text(gguf.tokenizer(known, str(source)).to_str(), "utf-8")
    template = gguf.template(known)
    if template is not None:
        (folder / causal.TEMPLATE.file).write_bytes(msgspec.json.encode(template))
    draft = _draft(known, template is not None, licences, {"file": source.name, **(provenance or {})})
    inputs = [Prompt(text, sampling=Sampling(max_tokens=1, temperature=0, logprobs=0)) for text in _TRIED]
    record_selftest(folder, inputs, interpreter(folder, draft).run(inputs))
    return write(folder, draft)


def _draft(
    known: Mapping[str, Any], template: bool, licences: Sequence[Licence], provenance: Mapping[str, Any]
) -> Draft:  # fmt: skip
    task = tasks.find("text-generation")
    resources = (causal.TOKENIZER, *([causal.TEMPLATE] if template else []))
    return Draft(
        name=task.name, task=task.name, input=task.input, target=task.target, prediction=task.prediction,
        labels=(), program=task.program((), causal.body(gguf.edges(known), template=template)), resources=resources,
        graphs=(Graph(name="model", file=_FILE, inputs=("input_ids",), outputs=("logits",), engine="gguf"),),
        metrics=task.metrics, licences=tuple(licences),
        provenance={"model": known.get("general.name", ""), **provenance},
    )  # fmt: skip
