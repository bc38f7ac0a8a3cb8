"""Text -> text. Compact: a transformer from scratch. Pretrained: any encoder-decoder of transformers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from modelworks.bundle import open_resources
from modelworks.contracts.family import Batcher, Front, Graph, Recipe, Resource, Source
from modelworks.kinds import Example, References, Text
from modelworks.stages.learn import base, muon, pretrained, seq2seq_export, seq2seq_pretrained, seq2seq_vocabulary
from modelworks.stages.learn.networks.seq2seq import Decoding, Encoding, Transformer
from modelworks.stages.learn.seq2seq_body import Writing, body
from modelworks.stages.learn.seq2seq_copies import hidden
from modelworks.stages.learn.seq2seq_vocabulary import END, PAD, START, UNKNOWN


class Compact(Writing, frozen=True, kw_only=True):
    """Options of the transformer from scratch."""

    space: ClassVar[Mapping[str, Any]] = {
        "matrix_learning_rate": {"low": 0.01, "high": 0.04, "log": True}, "dropout": [0.1, 0.2, 0.3],
    }  # fmt: skip

    epochs: float = 20
    batch_size: int = 96
    learning_rate: float = 3e-3
    """Of the tables, norms and biases (AdamW)."""
    matrix_learning_rate: float = 0.02
    """Of the layers' matrices (Muon)."""
    weight_decay: float = 1e-4
    warmup: float = 0.05
    ema: float = 0.995
    scorings: float = 0.5
    patience: int = 10
    vocabulary: int = 4000
    """Subwords of each side."""
    subwords: Literal["bpe", "unigram"] = "bpe"
    shared: bool = False
    """One vocabulary, with its letter case, for both sides."""
    lower: bool = True
    """The source is read without letter case (not with a shared vocabulary)."""
    alphabet: int = 1000
    """Characters of a vocabulary; rarer ones are unknown, and copied."""
    width: int = 192
    heads: int = 3
    inner: int = 384
    layers: int = 3
    """Of encoder and decoder each."""
    dropout: float = 0.15
    copies: float = 0.1
    """Share of words alike on both sides that are made unknown while training, so that copying is learnt."""


class Pretrained(Writing, frozen=True, kw_only=True):
    """Options of a pretrained encoder-decoder."""

    space: ClassVar[Mapping[str, Any]] = {"learning_rate": {"low": 1e-5, "high": 3e-4, "log": True}}

    epochs: float = 3
    batch_size: int = 16
    learning_rate: float = 5e-5
    ema: float = 0.99
    dropout: float | None = None
    """Inside the network; as it was pretrained when None."""
    prefix: str = ""
    """What is read before every text, as `translate English to German: ` for T5."""


class Seq2Seq(base.Base):
    """Texts in, texts out."""

    name, shape = "seq2seq", "seq2seq"
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        if not source.compact:
            return seq2seq_pretrained.prepare(source, options, folder)
        texts, references = _texts(examples)
        how = {"size": options.vocabulary, "model": options.subwords, "alphabet": options.alphabet}
        if options.shared:
            both = seq2seq_vocabulary.learn(texts + references, folder / _BOTH, lower=False, **how)
            sizes, files = (both.get_vocab_size(),) * 2, (_BOTH, _BOTH)
        else:
            files = ("resources/source.json", "resources/target.json")
            read = seq2seq_vocabulary.learn(texts, folder / files[0], lower=options.lower, **how)
            write = seq2seq_vocabulary.learn(references, folder / files[1], lower=False, **how)
            sizes = (read.get_vocab_size(), write.get_vocab_size())
        base.write_json(folder / "network.json", {"source": sizes[0], "target": sizes[1]})
        resources = [Resource(name=name, file=file, type="tokenizer") for name, file in zip(_SIDES, files, strict=True)]
        past = [[options.heads, options.width // options.heads]] * (2 * options.layers)
        special = {"start": START, "end": END, "unknown": UNKNOWN, "banned": [PAD, START], "pad": PAD}
        return Front(body=body(options, past, special), resources=tuple(resources))

    def numericalize(self, rows: base.Rows, front: Front, folder: Path) -> base.Rows:
        opened = open_resources(folder, front.resources)
        most = front.body.after[0].params["most"]
        return seq2seq_vocabulary.numbered(rows, opened["source"], opened["target"], most)

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        facts = base.read_json(folder / "network.json")
        if isinstance(options, Pretrained):
            return seq2seq_pretrained.Network(facts["config"], options.dropout)
        return Transformer(
            source=facts["source"], target=facts["target"], shared=options.shared, width=options.width,
            heads=options.heads, inner=options.inner, layers=options.layers, dropout=options.dropout,
        )  # fmt: skip

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, seq2seq_pretrained.Network)
        pretrained.load(module.model, source)

    def graphs(self, module: nn.Module) -> Mapping[str, nn.Module]:
        if isinstance(module, seq2seq_pretrained.Network):
            return seq2seq_pretrained.graphs(module)
        assert isinstance(module, Transformer)
        return {"encoder": Encoding(module), "decoder": Decoding(module)}

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        if not isinstance(module, Transformer):
            return super().groups(module, options)
        layers = [*module.encoder.parameters(), *module.decoder.parameters()]
        return muon.groups(module, layers, options)

    def optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return muon.Muon(groups) if "muon" in groups[0] else super().optimizer(groups)

    def length(self, row: Mapping[str, Any]) -> int:
        return len(row["ids"]) + len(row["target"])

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        special = front.body.after[0].params
        ids, targets = [row["ids"] for row in rows], [row["target"] for row in rows]
        begun = [np.concatenate([[special["start"]], target[:-1]]) for target in targets]
        return {
            "input_ids": base.pad(ids, special["pad"], base.MULTIPLE),
            "attention_mask": base.mask(ids, base.MULTIPLE),
            "target_ids": base.pad(begun, special["pad"]), "target_mask": base.mask(targets),
            "labels": base.pad(targets, base.IGNORED),
        }  # fmt: skip

    def loss(self, outputs: Mapping[str, torch.Tensor], batch: Mapping[str, Any], options: Recipe) -> torch.Tensor:
        labels = batch["labels"]
        return nn.functional.cross_entropy(
            outputs["logits"].float(), labels[labels != base.IGNORED], label_smoothing=options.label_smoothing
        )

    def batcher(self, rows: base.Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        if not isinstance(options, Compact):
            return super().batcher(rows, front, classes, options)

        def batch(positions: Sequence[int], random: np.random.Generator) -> dict[str, Any]:
            return self.collate([_copying(rows[i], options.copies, random) for i in positions], front)

        return batch

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        made = self.graphs(module.eval())
        assert isinstance(module, Transformer | seq2seq_pretrained.Network)
        return seq2seq_export.export(made["encoder"], made["decoder"], module.past(), folder)


_SIDES = ("source", "target")
_BOTH = "resources/tokenizer.json"


def _texts(examples: Iterable[Example]) -> tuple[list[str], list[str]]:
    """Sources and references of the training examples."""
    sources: list[str] = []
    references: list[str] = []
    for example in examples:
        assert isinstance(example.input, Text)
        assert isinstance(example.target, References)
        sources.append(example.input.text)
        references += example.target.references
    return sources, references


def _copying(row: Mapping[str, Any], share: float, random: np.random.Generator) -> Mapping[str, Any]:
    """The row with some of its copied words made unknown."""
    pairs = [pair for pair in row["alike"] if random.random() < share]
    if not pairs:
        return row
    sides = {"ids": [source for source, _ in pairs], "target": [target for _, target in pairs]}
    return {name: hidden(row[name], words) for name, words in sides.items()}


FAMILY = Seq2Seq()
