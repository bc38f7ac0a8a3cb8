"""Raw text -> sentences, words, tags, lemmas and dependency trees. Compact: LSTMs over words and their letters.
Pretrained: an encoder over subwords. Both with the same segmenter, trained along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from modelworks.contracts.family import Batcher, Front, Graph, Recipe, Source
from modelworks.kinds import Example
from modelworks.ops.tree import groups
from modelworks.stages.learn import base, pretrained, tree_export, tree_fronts, tree_rows
from modelworks.stages.learn.networks import tree


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the network from scratch."""

    space: ClassVar[Mapping[str, Any]] = {
        "learning_rate": {"low": 1e-3, "high": 5e-3, "log": True}, "dropout": [0.3, 0.4, 0.5],
    }  # fmt: skip

    epochs: float = 25
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    warmup: float = 0.02
    ema: float = 0.998
    clip: float = 5.0
    scorings: float = 0.34
    patience: int = 99
    width: int = 100
    """Of the embeddings of words and of their letters."""
    hidden: int = 200
    """Of each LSTM."""
    layers: int = 2
    dropout: float = 0.35
    minimum: int = 2
    """Occurrences a word needs to have an id of its own."""
    buckets: int = 16384
    """Rows of the table of letter n-grams."""
    word_dropout: float = 0.2
    """Share of words that are hidden in training, so that the letters learn to speak."""
    arc: int = 200
    """Width of the biaffine product of arcs."""
    relation: int = 64
    """The same of relations."""
    tag: int = 200
    """Width of the layer before tags and lemmas."""


class Pretrained(pretrained.Encoder, frozen=True, kw_only=True):
    """Options of a pretrained encoder under a parser."""

    epochs: float = 10
    batch_size: int = 32
    learning_rate: float = 2.5e-4
    head_learning_rate: float = 2e-3
    warmup: float = 0.06
    ema: float = 0.995
    head_dropout: float = 0.3
    hide: float = 0.1
    scorings: float = 0.5
    scored: int = 150
    patience: int = 99
    width: int = 64
    """Of the embeddings of words and of their letters."""
    minimum: int = 2
    """Occurrences a word needs to have an id of its own."""
    buckets: int = 16384
    """Rows of the table of letter n-grams."""
    word_dropout: float = 0.2
    """Share of words that are hidden in training, so that the letters learn to speak."""
    arc: int = 200
    """Width of the biaffine product of arcs."""
    relation: int = 64
    """The same of relations."""
    tag: int = 200
    """Width of the layer before tags and lemmas."""


class TreeFamily(base.Base):
    """Documents in, trees out."""

    name, shape = "tree", "tree"
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Compact
    targets = ("labels", "segments", "upos", "xpos", "feats", "scripts", "deprel")

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        if source.compact:
            return tree_fronts.prepare(examples, options, folder)
        facts = pretrained.prepare(source, folder)
        return tree_fronts.prepare(examples, options, folder, facts, (pretrained.TOKENIZER,))

    def numericalize(self, rows: base.Rows, front: Front, folder: Path) -> base.Rows:
        return tree_rows.numericalize(rows, front, folder)

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        known = base.read_json(folder / "network.json")["sizes"]
        layers = {name: len(values) for name, values in groups(classes).items()}
        compact = isinstance(options, Compact)
        words = tree.Words(
            words=known["words"], buckets=options.buckets, width=options.width, word_dropout=options.word_dropout,
            dropout=options.dropout if compact else options.head_dropout,
        )  # fmt: skip
        encoder: tree.Recurrent | tree.Contextual
        if compact:
            encoder = tree.Recurrent(words, hidden=options.hidden, layers=options.layers, dropout=options.dropout)
        else:
            encoder = tree.Contextual(pretrained.encoder(folder, options), words)
        parser = tree.Parser(
            encoder, {**layers, "scripts": known["scripts"]}, arc=options.arc, relation=options.relation,
            tag=options.tag, dropout=options.dropout if compact else options.head_dropout,
        )  # fmt: skip
        segmenter = tree.Segmenter(
            tree_fronts.CLASSES, buckets=tree_fronts.SEGMENT_BUCKETS, width=64, dropout=0.2, word_dropout=0.2
        )
        return tree.TreeNetwork(segmenter, parser, tree.Relations(options.relation, layers["deprel"]))

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, tree.TreeNetwork)
        encoder = module.parser.encoder
        assert isinstance(encoder, tree.Contextual)
        pretrained.load(encoder.encoder.model, source)

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        if isinstance(options, pretrained.Encoder):
            return pretrained.groups(module, options, "parser.encoder.encoder.")
        return super().groups(module, options)

    def graphs(self, module: nn.Module) -> Mapping[str, nn.Module]:
        assert isinstance(module, tree.TreeNetwork)
        return {"segmenter": module.segmenter, "parser": module.parser, "relations": module.relations}

    def length(self, row: Mapping[str, Any]) -> int:
        return len(row["heads"])

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        return tree_rows.collate(rows, front)

    def batcher(self, rows: base.Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        def batch(positions: Sequence[int], random: np.random.Generator) -> dict[str, Any]:
            around = random.permutation(positions)[: -(-len(positions) // tree_rows.SENTENCES_A_WINDOW)]
            made = self.collate([rows[i] for i in positions], front)
            read = tree_rows.windows([rows[i] for i in around], random)
            return {**made, **read, "labels": made["deprel"]}

        return batch

    def loss(self, outputs: Mapping[str, torch.Tensor], batch: Mapping[str, Any], options: Any) -> torch.Tensor:
        shown = nn.functional.pad(batch["attention_mask"], (1, 0), value=1).bool()
        arcs = outputs["arcs"].float().masked_fill(~shown.unsqueeze(1), -1e4)[:, 1:]
        total = _entropy(arcs, batch["heads"]) + _entropy(outputs["relations"], batch["deprel"])
        for layer, weight in _WEIGHTS.items():
            total = total + weight * _entropy(outputs[layer], batch[layer])
        return total + _entropy(outputs["cuts"], batch["segments"])

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        assert isinstance(module, tree.TreeNetwork)
        return tree_export.export(module, folder)


_WEIGHTS = {"upos": 0.5, "xpos": 0.5, "feats": 0.5, "scripts": 0.3}


def _entropy(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), ignore_index=base.IGNORED)


FAMILY = TreeFamily()
