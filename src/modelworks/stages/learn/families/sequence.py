"""Text -> classes. Compact: a linear model over n-grams, fitted at once. Pretrained: an encoder, mean-pooled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from modelworks.contracts.body import Body
from modelworks.contracts.family import Batcher, Front, Graph, Recipe, Source
from modelworks.contracts.program import Call
from modelworks.kinds import Example
from modelworks.stages.learn import bag_front, base, pretrained
from modelworks.stages.learn.fit import balanced
from modelworks.stages.learn.loop import fast_math
from modelworks.stages.learn.networks import bag
from modelworks.stages.learn.networks.encoder import TextClassifier
from modelworks.stages.learn.networks.head import fit_linear
from modelworks.stages.learn.rows import class_counts


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the n-gram model."""

    space: ClassVar[Mapping[str, Any]] = {
        "strength": {"low": 0.5, "high": 16.0, "log": True}, "smoothing": [0.3, 1.0, 3.0],
    }  # fmt: skip

    minimum: int = 2
    """Texts an n-gram must occur in."""
    features: int = 100_000
    """Most n-grams of either sort, the most frequent first."""
    words: tuple[int, int] = (1, 2)
    characters: tuple[int, int] = (2, 5)
    smoothing: float = 1.0
    """Added to the counts behind the naive Bayes ratios."""
    strength: float = 4.0
    """Inverse of the L2 penalty."""


class Pretrained(pretrained.Encoder, frozen=True, kw_only=True):
    """Options of a pretrained encoder with a head for whole texts."""

    epochs: float = 4
    head_learning_rate: float = 5e-4
    label_smoothing: float = 0.1
    consistency: float = 0.0
    """Weight of R-Drop (Wu et al. 2021): each batch runs twice, with other subwords and units dropped, and the answers
    must agree. Doubles the time of a step."""
    max_length: int = 128
    """Most subwords of a text; the rest is cut."""


class SequenceFamily(base.Base):
    """Texts of any length in, one row of logits out."""

    name, shape = "sequence", "sequence"
    targets = ("labels", "twice")
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        if source.compact:
            return bag_front.prepare(
                examples, folder, words=options.words, characters=options.characters, minimum=options.minimum,
                features=options.features,
            )  # fmt: skip
        facts = pretrained.prepare(source, folder)
        return Front(body=_encoder_body(facts, options), resources=(pretrained.TOKENIZER,))

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        if isinstance(options, Compact):
            return bag.BagClassifier(base.read_json(folder / "network.json")["sizes"], len(classes))
        return TextClassifier(pretrained.encoder(folder, options), len(classes), options.head_dropout)

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, TextClassifier)
        pretrained.load(module.encoder.model, source)

    def start(self, module: nn.Module, rows: base.Rows, front: Front, options: Any) -> bool:
        if isinstance(module, bag.BagClassifier):
            _fit_bags(module, rows, options)
        else:
            _fit_head(self, module, rows, front, options)
        return True

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        return [] if isinstance(module, bag.BagClassifier) else pretrained.groups(module, options)

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        labels = torch.from_numpy(np.array([row["labels"] for row in rows]))
        ids = [row["ids"] for row in rows]
        padding = front.body.after[0].params
        batch = {"input_ids": base.pad(ids, **padding), "labels": labels}
        if "attention_mask" in front.body.after[-1].inputs:
            batch["attention_mask"] = base.mask(ids, padding["multiple"])
        return batch

    def batcher(self, rows: base.Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        single = super().batcher(rows, front, classes, options)
        if not getattr(options, "consistency", 0.0):
            return single
        return lambda positions, random: {
            **single([*positions, *positions], random), "twice": torch.tensor(options.consistency)
        }  # fmt: skip

    def loss(self, outputs: Mapping[str, torch.Tensor], batch: Mapping[str, Any], options: Recipe) -> torch.Tensor:
        loss = super().loss(outputs, batch, options)
        if "twice" in batch:
            loss = loss + batch["twice"] * disagreement(*outputs["logits"].float().chunk(2))
        return loss

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        if isinstance(module, bag.BagClassifier):
            feeds = {"input_ids": torch.zeros(2, 3, dtype=torch.int32)}
            return base.export(module, folder, feeds, {"input_ids": {0: "batch", 1: "length"}})
        return pretrained.export(module, folder, {}, {0: "batch"})


def disagreement(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    """Mean over texts of the symmetric Kullback-Leibler divergence of two answers, logits [B, C] each (R-Drop)."""
    p, q = one.log_softmax(-1), two.log_softmax(-1)
    return ((p.exp() - q.exp()) * (p - q)).sum(-1).mean() / 2


def _fit_bags(module: bag.BagClassifier, rows: base.Rows, options: Compact) -> None:
    labels = torch.from_numpy(np.array([row["labels"] for row in rows]))
    weights = None
    if options.class_weights == "balanced":
        weights = balanced(class_counts(rows, module.classes))
    start = 0
    for size in module.sizes:
        ids = [row["ids"] - start for row in rows]
        table, bias = bag.fit(
            [some[(some >= 0) & (some < size)] for some in ids], labels, size, module.classes,
            smoothing=options.smoothing, strength=options.strength, weights=weights,
        )  # fmt: skip
        with torch.no_grad():
            module.table.weight[start : start + size] = table
            module.bias += bias
        start += size


def _fit_head(family: SequenceFamily, module: nn.Module, rows: base.Rows, front: Front, options: Any) -> None:
    assert isinstance(module, TextClassifier)
    some = sorted(base.sample(rows, options.start_examples), key=lambda row: len(row["ids"]))
    batches = [family.collate(some[i : i + 64], front) for i in range(0, len(some), 64)]
    found = pretrained.features(module, batches, options.fast_math and fast_math())
    fit_linear(module.head, torch.cat([x for x, _ in found]), torch.cat([y for _, y in found]))


def _encoder_body(facts: Mapping[str, Any], options: Pretrained) -> Body:
    tokenize = {"max_length": min(options.max_length, facts["positions"])}
    return Body(
        shape="sequence",
        before=(
            Call(op="text.tokenize.v1", inputs=("text",), outputs=("ids",), params=tokenize, resources=("tokenizer",)),
        ),
        after=(
            Call(
                op="batch.pad.v1", inputs=("ids",), outputs=("input_ids", "attention_mask"),
                params={"value": facts["pad"], "multiple": base.MULTIPLE},
            ),
            Call(graph="model", inputs=("input_ids", "attention_mask"), outputs=("logits",)),
        ),
        length="ids",
    )  # fmt: skip


FAMILY = SequenceFamily()
