"""Text -> a class for each unit. Compact: a word tagger. Pretrained: an encoder over subwords."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from modelworks.contracts.body import Body
from modelworks.contracts.family import Front, Graph, Recipe, Resource, Source
from modelworks.contracts.program import Call
from modelworks.kinds import Example, Text
from modelworks.ops._words import normal_word, split_words
from modelworks.stages.learn import base
from modelworks.stages.learn.networks import tagger


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the word tagger."""

    epochs: float = 15
    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    ema: float = 0.995
    clip: float = 5.0
    warmup: float = 0.0
    scorings: float = 0.34
    fast_math: bool = False
    minimum: int = 2
    """Occurrences a word needs to have an id of its own."""
    buckets: int = 16384
    """Rows of the table of letter n-grams."""
    width: int = 64
    hidden: int = 100
    dropout: float = 0.5
    word_dropout: float = 0.15
    """Share of words that are hidden in training, so that the letters learn to speak."""


class TokenFamily(base.Base):
    name, shape = "token", "token"
    options: type[Recipe] = Recipe
    compact: type[Recipe] = Compact
    space: Mapping[str, Any] = {"learning_rate": {"low": 1e-3, "high": 5e-3, "log": True}, "dropout": [0.3, 0.5]}

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        counts: Counter[str] = Counter()
        for example in examples:
            assert isinstance(example.input, Text)
            text = example.input.text
            counts.update(normal_word(text[a:b]) for a, b in split_words(text).tolist())
        kept = sorted(word for word, count in counts.items() if count >= options.minimum)
        base.write_json(folder / "resources" / "words.json", {word: i + 2 for i, word in enumerate(kept)})
        base.write_json(folder / "network.json", {"kind": "tagger", "words": len(kept) + 2})
        return Front(body=_body(options), resources=(Resource(name="words", file="resources/words.json", type="json"),))

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        facts = base.read_json(folder / "network.json")
        return tagger.WordTagger(
            len(classes), words=facts["words"], buckets=options.buckets, width=options.width, hidden=options.hidden,
            dropout=options.dropout, word_dropout=options.word_dropout,
        )  # fmt: skip

    def collate(self, rows: Sequence[Mapping[str, Any]], options: Any) -> dict[str, torch.Tensor]:
        batch = {name: base.pad([row[name] for row in rows]) for name in ("words", "grams", "shapes")}
        labels = base.pad([row["labels"] for row in rows], base.IGNORED)
        return {**batch, "labels": labels, "attention_mask": base.mask([row["words"] for row in rows])}

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        feeds = {
            "words": torch.ones(2, 3, dtype=torch.long), "grams": torch.ones(2, 3, 24, dtype=torch.long),
            "shapes": torch.ones(2, 3, 2, dtype=torch.long), "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
        }  # fmt: skip
        return base.export(module, folder, feeds, {name: {0: "batch", 1: "length"} for name in feeds})


def _body(options: Compact) -> Body:
    return Body(
        shape="token",
        before=(
            Call(op="text.words.v1", inputs=("text",), outputs=("spelled", "units")),
            Call(
                op="text.lookup.v1", inputs=("spelled",), outputs=("words",), params={"vocabulary": "words"},
                resources=("words",),
            ),
            Call(
                op="text.grams.v1", inputs=("spelled",), outputs=("grams",), params={"buckets": options.buckets}
            ),
            Call(op="text.shape.v1", inputs=("text", "units"), outputs=("shapes",)),
        ),
        after=(
            Call(
                op="graph.windows.v1", inputs=("words", "grams", "shapes"), outputs=("logits",), graphs=("model",),
                params={
                    "feeds": ["words", "grams", "shapes"], "size": 512, "stride": 384, "mask": "attention_mask",
                },
            ),
        ),
        length="words",
    )  # fmt: skip


FAMILY = TokenFamily()
