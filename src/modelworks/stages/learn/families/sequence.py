"""Text -> classes. Compact: a linear model over n-grams, fitted at once. Pretrained: an encoder, mean-pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from modelworks.contracts.body import Body
from modelworks.contracts.family import Front, Graph, Recipe, Resource, Source
from modelworks.contracts.program import Call
from modelworks.kinds import Example, Text
from modelworks.ops._grams import ngram_hashes
from modelworks.stages.learn import base
from modelworks.stages.learn.networks import bag

NONE = (1, 0)
"""An empty range of n-grams."""


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the n-gram model."""

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


class SequenceFamily(base.Base):
    name, shape = "sequence", "sequence"
    options: type[Recipe] = Recipe
    compact: type[Recipe] = Compact
    space: Mapping[str, Any] = {"strength": {"low": 0.5, "high": 16.0, "log": True}, "smoothing": [0.3, 1.0, 3.0]}

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        counts: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
        for example in examples:
            assert isinstance(example.input, Text)
            counts[0].update(ngram_hashes(example.input.text, options.words, NONE).tolist())
            counts[1].update(ngram_hashes(example.input.text, NONE, options.characters).tolist())
        sizes = []
        for name, count in zip(("words", "characters"), counts, strict=True):
            sizes.append(_write_vocabulary(folder / "resources" / f"{name}.npy", count, options))
        base.write_json(folder / "network.json", {"kind": "bag", "sizes": sizes})
        return Front(body=_bag_body(sizes, options), resources=_VOCABULARIES)

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        return bag.BagClassifier(base.read_json(folder / "network.json")["sizes"], len(classes))

    def start(self, module: nn.Module, rows: Sequence[Mapping[str, Any]], options: Any) -> bool:
        assert isinstance(module, bag.BagClassifier)
        labels = np.array([int(row["labels"]) for row in rows])
        for name, part in zip(("word_ids", "character_ids"), module.bags, strict=True):
            assert isinstance(part, bag.Bag)
            table, bias = bag.fit(
                [row[name] for row in rows], labels, part.size, part.classes, smoothing=options.smoothing,
                strength=options.strength,
            )  # fmt: skip
            with torch.no_grad():
                part.table.weight.copy_(table)
                module.bias += bias
        return True

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        return []

    def collate(self, rows: Sequence[Mapping[str, Any]], options: Any) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        feeds = {name: torch.zeros(2, 3, dtype=torch.int32) for name in ("words", "characters")}
        return base.export(module, folder, feeds, {name: {0: "batch", 1: name} for name in feeds})


_VOCABULARIES = (
    Resource(name="words", file="resources/words.npy", type="array"),
    Resource(name="characters", file="resources/characters.npy", type="array"),
)


def _write_vocabulary(path: Path, counts: Counter[int], options: Compact) -> int:
    kept = sorted((-n, gram) for gram, n in counts.items() if n >= options.minimum)[: options.features]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.sort(np.array([gram for _, gram in kept], dtype=np.uint32)))
    return len(kept)


def _bag_body(sizes: Sequence[int], options: Compact) -> Body:
    words = {"vocabulary": "words", "words": list(options.words), "characters": list(NONE)}
    characters = {"vocabulary": "characters", "words": list(NONE), "characters": list(options.characters)}
    return Body(
        shape="sequence",
        before=(
            Call(op="text.ngrams.v1", inputs=("text",), outputs=("word_ids",), params=words, resources=("words",)),
            Call(
                op="text.ngrams.v1", inputs=("text",), outputs=("character_ids",), params=characters,
                resources=("characters",),
            ),
        ),
        after=(
            Call(op="batch.pad.v1", inputs=("word_ids",), outputs=("words", "word_mask"), params={"value": sizes[0]}),
            Call(
                op="batch.pad.v1", inputs=("character_ids",), outputs=("characters", "character_mask"),
                params={"value": sizes[1]},
            ),
            Call(graph="model", inputs=("words", "characters"), outputs=("logits",)),
        ),
        length="character_ids",
    )  # fmt: skip


FAMILY = SequenceFamily()
