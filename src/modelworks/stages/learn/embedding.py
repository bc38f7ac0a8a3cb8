"""Bundles of text encoders as they are: nothing is learnt, the mean of the positions is the text's vector."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from torch import Tensor, nn

from modelworks.bundle import Draft, Licence, Manifest, join, record_selftest, write
from modelworks.bundle.sessions import interpreter
from modelworks.contracts import task as tasks
from modelworks.contracts.body import Body
from modelworks.contracts.family import Resource, Source
from modelworks.contracts.program import Call
from modelworks.stages.learn import base, pretrained, sources
from modelworks.stages.learn.networks.encoder import TextEncoder, mean_of

LENGTH = 256
"""Most subwords of a text: what sentence-transformers' MiniLM was made for. The tail of a longer one is cut."""


class MeanEncoder(nn.Module):
    """Ids -> the mean of the encoder's positions, made of length 1 (Reimers and Gurevych 2019)."""

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Int64 [B, L] twice -> vectors float32 [B, D]; the exporter's name for what a graph leaves is `logits`."""
        states = self.encoder(input_ids, attention_mask)
        return {"logits": nn.functional.normalize(mean_of(states, attention_mask), dim=-1)}


def body(padding: int, length: int) -> Body:
    """Subwords, padded, through the graph."""
    return Body(
        shape="embedding", length="ids",
        before=(
            Call(
                op="text.tokenize.v1", inputs=("text",), outputs=("ids",), params={"max_length": length},
                resources=("tokenizer",),
            ),
        ),
        after=(
            Call(
                op="batch.pad.v1", inputs=("ids",), outputs=("input_ids", "attention_mask"),
                params={"value": padding, "multiple": base.MULTIPLE},
            ),
            Call(graph="model", inputs=("input_ids", "attention_mask"), outputs=("vectors",)),
        ),
    )  # fmt: skip


def embedding(source: Source, folder: Path, *, name: str = "embedding") -> Manifest:
    """A bundle of task `embedding` from a pretrained encoder, in an empty folder."""
    task = tasks.find("embedding")
    with tempfile.TemporaryDirectory() as made:
        facts = pretrained.prepare(source, Path(made))
        encoder = TextEncoder(facts["config"], dropout=0.0, mask=None, special=[], hide=0.0)
        pretrained.load(encoder.model, source)
        graphs = pretrained.export(MeanEncoder(encoder).eval(), folder, {}, {0: "batch"})
        (folder / "resources").mkdir()
        (Path(made) / pretrained.TOKENIZER.file).rename(folder / pretrained.TOKENIZER.file)
    resources: tuple[Resource, ...] = (pretrained.TOKENIZER,)
    licence = Licence(what=f"weights of {source.name}", licence=source.licence, source=source.origin)
    draft = Draft(
        name=name, task=task.name, input=task.input, target=task.target, prediction=task.prediction, labels=(),
        program=task.program((), body(facts["pad"], min(LENGTH, facts["positions"]))), graphs=graphs,
        resources=resources, licences=(licence,),
        provenance={"model": {"name": source.name, "origin": source.origin, "sha256": source.sha256}},
    )  # fmt: skip
    inputs = [example.input for example in task.example()]
    run = interpreter(folder, draft).run
    record_selftest(folder, inputs, [run([value])[0] for value in inputs])
    return write(folder, draft)


def retriever(source: Source, folder: Path, *, name: str = "retrieval") -> Manifest:
    """A bundle of task `retrieval` from a pretrained encoder, in an empty folder."""
    with tempfile.TemporaryDirectory() as made:
        embedding(source, Path(made))
        return join(tasks.find("retrieval"), [Path(made)], folder, name=name)


def starter(weights: Path, folder: Path) -> None:
    """Build the starter `embedding` from all-MiniLM-L6-v2's files."""
    embedding(_source(weights), folder)


def retriever_starter(weights: Path, folder: Path) -> None:
    """Build the starter `retrieval` from all-MiniLM-L6-v2's files."""
    retriever(_source(weights), folder)


def _source(weights: Path) -> Source:
    """The package's files, which were checked before."""
    found = sources.resolve(".", weights)
    return msgspec.structs.replace(
        found, name="all-MiniLM-L6-v2", licence="Apache-2.0", origin="sentence-transformers/all-MiniLM-L6-v2"
    )
