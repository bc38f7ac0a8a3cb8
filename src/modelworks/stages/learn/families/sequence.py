"""Text -> classes. Compact: a linear model over n-grams, fitted at once. Pretrained: an encoder, mean-pooled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from modelworks.contracts.family import Batcher, Front, Graph, Recipe, Source
from modelworks.kinds import Example
from modelworks.stages.learn import bag_front, base, pretrained, sequence_fronts
from modelworks.stages.learn.fit import balanced
from modelworks.stages.learn.networks import bag
from modelworks.stages.learn.networks.encoder import TextClassifier
from modelworks.stages.learn.networks.fused import FusedClassifier
from modelworks.stages.learn.networks.head import fit_linear
from modelworks.stages.learn.rows import class_counts

NEGATIONS = (
    "not", "no", "never", "'t", "’t", "cannot", "neither", "nor", "nothing", "nobody", "none", "nowhere", "hardly",
    "barely", "scarcely", "without", "lack", "lacks", "lacking",
)  # fmt: skip
"""Of English, as `split_words` has them: `don't` is `don` and `'t`."""


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
    negations: tuple[str, ...] = NEGATIONS
    """Words that deny those behind them, which then count as other words; of English. Empty: none."""
    reach: int = 3
    """Words that a negation denies, at most up to the next sign."""
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
    ngrams: bool = False
    """Mix in the answer of an n-gram model, in the share that is best on dev: helps where spelling and tags speak
    (tweets), costs up to 7 MB."""
    max_length: int = 128
    """Most subwords of a text; the rest is cut."""


SHARES = (0.0, 0.15, 0.3, 0.45)
"""Of the n-grams' logits in the mixture; what is tried on dev."""


class SequenceFamily(base.Base):
    """Texts of any length in, one row of logits out."""

    name, shape = "sequence", "sequence"
    targets = ("labels", "twice")
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        if source.compact:
            return _bags(examples, folder, options)
        bags = _bags(examples, folder, Compact()) if options.ngrams else None
        sizes = base.read_json(folder / "network.json")["sizes"] if bags else []
        facts = pretrained.prepare(source, folder)
        base.write_json(folder / "network.json", {**facts, "sizes": sizes})
        return sequence_fronts.encoder_front(facts, options.max_length, bags)

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        if isinstance(options, Compact):
            return bag.BagClassifier(base.read_json(folder / "network.json")["sizes"], len(classes))
        made = TextClassifier(pretrained.encoder(folder, options), len(classes), options.head_dropout)
        if not options.ngrams:
            return made
        return FusedClassifier(made, bag.BagClassifier(base.read_json(folder / "network.json")["sizes"], len(classes)))

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, (TextClassifier, FusedClassifier))
        pretrained.load(module.encoder.model, source)

    def start(self, module: nn.Module, rows: base.Rows, front: Front, options: Any) -> bool:
        if isinstance(module, bag.BagClassifier):
            _fit_bags(module, rows, "ids", options)
            return True
        if isinstance(module, FusedClassifier):
            _fit_bags(module.bags, rows, "ngram_ids", Compact(class_weights=options.class_weights))
        _fit_head(self, module, rows, front, options)
        return True

    def settle(self, module: nn.Module, score: Callable[[], float]) -> float | None:
        """The share of the n-grams that scores best on dev, the smaller of equal ones."""
        if not isinstance(module, FusedClassifier):
            return None
        found = {}
        for share in SHARES:
            module.share.fill_(share)
            found[share] = score()
        best = max(SHARES, key=lambda share: (found[share], -share))
        module.share.fill_(best)
        return found[best]

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        if isinstance(module, bag.BagClassifier):
            return []
        prefix = "classifier.encoder." if isinstance(module, FusedClassifier) else "encoder."
        return pretrained.groups(module, options, prefix)

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        labels = torch.from_numpy(np.array([row["labels"] for row in rows]))
        *pads, graph = front.body.after
        batch = {"labels": labels}
        for call in pads:
            ids = [row[call.inputs[0]] for row in rows]
            padded, mask = call.outputs
            batch[padded] = base.pad(ids, **call.params)
            if mask in graph.inputs:
                batch[mask] = base.mask(ids, call.params["multiple"])
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
        feeds = {}
        if isinstance(module, FusedClassifier):
            feeds["ngrams"] = torch.zeros(2, 7, dtype=torch.int32)
        return pretrained.export(module, folder, feeds, {0: "batch"})


def _bags(examples: Iterable[Example], folder: Path, options: Compact) -> Front:
    return bag_front.prepare(
        examples, folder, words=options.words, characters=options.characters, minimum=options.minimum,
        features=options.features, negations=options.negations, reach=options.reach,
    )  # fmt: skip


def disagreement(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    """Mean over texts of the symmetric Kullback-Leibler divergence of two answers, logits [B, C] each (R-Drop)."""
    p, q = one.log_softmax(-1), two.log_softmax(-1)
    return ((p.exp() - q.exp()) * (p - q)).sum(-1).mean() / 2


def _fit_bags(module: bag.BagClassifier, rows: base.Rows, name: str, options: Compact) -> None:
    labels = torch.from_numpy(np.array([row["labels"] for row in rows]))
    weights = None
    if options.class_weights == "balanced":
        weights = balanced(class_counts(rows, module.classes))
    start = 0
    for size in module.sizes:
        ids = [row[name] - start for row in rows]
        table, bias = bag.fit(
            [some[(some >= 0) & (some < size)] for some in ids], labels, size, module.classes,
            smoothing=options.smoothing, strength=options.strength, weights=weights,
        )  # fmt: skip
        with torch.no_grad():
            module.table.weight[start : start + size] = table
            module.bias += bias.to(module.bias.device)
        start += size


def _fit_head(family: SequenceFamily, module: nn.Module, rows: base.Rows, front: Front, options: Any) -> None:
    assert isinstance(module, (TextClassifier, FusedClassifier))
    head = module.classifier.head if isinstance(module, FusedClassifier) else module.head
    some = sorted(base.sample(rows, options.start_examples), key=lambda row: len(row["ids"]))
    batches = [family.collate(some[i : i + 64], front) for i in range(0, len(some), 64)]
    found = pretrained.features(module, batches, options.fast_math)
    fit_linear(head, torch.cat([x for x, _ in found]), torch.cat([y for _, y in found]))


FAMILY = SequenceFamily()
