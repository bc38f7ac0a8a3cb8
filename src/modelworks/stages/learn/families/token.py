"""Text -> a class for each unit. Compact: a word tagger. Pretrained: an encoder over subwords."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from modelworks.contracts.family import Batcher, Front, Graph, Recipe, Source
from modelworks.kinds import Example
from modelworks.stages.learn import base, pretrained, token_fronts
from modelworks.stages.learn.loop import fast_math
from modelworks.stages.learn.mentions import Mentions, cased
from modelworks.stages.learn.networks import tagger
from modelworks.stages.learn.networks.encoder import TokenClassifier
from modelworks.stages.learn.networks.head import fit_linear


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the word tagger."""

    space: ClassVar[Mapping[str, Any]] = {
        "learning_rate": {"low": 1e-3, "high": 5e-3, "log": True}, "dropout": [0.3, 0.5],
    }  # fmt: skip

    epochs: float = 15
    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    ema: float = 0.995
    clip: float = 5.0
    warmup: float = 0.0
    scorings: float = 0.34
    patience: int = 9
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
    swap: float = 0.3
    """Share of mentions that are swapped for others of their class while training."""
    recase: float = 0.05
    """Share of training texts whose letter case is lost."""


class Pretrained(pretrained.Encoder, frozen=True, kw_only=True):
    """Options of a pretrained encoder with a class for each subword."""

    epochs: float = 5
    batch_size: int = 16
    head_dropout: float = 0.2
    hide: float = 0.15
    scorings: float = 1.0
    swap: float = 0.3
    """Share of mentions that are swapped for others of their class while training."""
    recase: float = 0.05
    """Share of training texts whose letter case is lost."""
    window: int = 256
    """Most subwords the encoder sees at once; longer texts are read in windows."""


class TokenFamily(base.Base):
    """Texts of any length in, logits for each unit out."""

    name, shape = "token", "token"
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        if source.compact:
            return token_fronts.prepare_words(examples, options.minimum, options.buckets, folder)
        facts = pretrained.prepare(source, folder)
        return Front(body=token_fronts.subword_body(facts, options.window), resources=(pretrained.TOKENIZER,))

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        if not isinstance(options, Compact):
            return TokenClassifier(pretrained.encoder(folder, options), len(classes), options.head_dropout)
        return tagger.WordTagger(
            len(classes), words=base.read_json(folder / "network.json")["words"], buckets=options.buckets,
            width=options.width, hidden=options.hidden, dropout=options.dropout, word_dropout=options.word_dropout,
        )  # fmt: skip

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, TokenClassifier)
        pretrained.load(module.encoder.model, source)

    def start(self, module: nn.Module, rows: base.Rows, front: Front, options: Any) -> bool:
        if not isinstance(module, TokenClassifier):
            return False
        some = sorted(base.sample(rows, options.start_examples), key=lambda row: len(row["ids"]))
        batches = [self.collate(some[i : i + 64], front) for i in range(0, len(some), 64)]
        found = pretrained.features(module, batches, options.fast_math and fast_math())
        kept = [(x[y != base.IGNORED], y[y != base.IGNORED]) for x, y in found]
        fit_linear(module.head, torch.cat([x for x, _ in kept]), torch.cat([y for _, y in kept]))
        return True

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        if isinstance(module, TokenClassifier):
            return pretrained.groups(module, options)
        return super().groups(module, options)

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        labels = [row["labels"] for row in rows]
        if "words" in rows[0]:
            batch = {name: base.pad([row[name] for row in rows]) for name in token_fronts.WORDS}
            return {**batch, "labels": base.pad(labels, base.IGNORED), "attention_mask": base.mask(labels)}
        return token_fronts.framed(rows, front.body.after[0].params)

    def batcher(self, rows: base.Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        names = token_fronts.WORDS if isinstance(options, Compact) else ("ids", "shapes")
        mentions = Mentions(rows, classes, names)

        def batch(positions: Sequence[int], random: np.random.Generator) -> dict[str, Any]:
            changed = [mentions.swapped(rows[i], options.swap, random) for i in positions]
            for row in changed:
                if random.random() < options.recase:
                    row["shapes"] = cased(row["shapes"], random)
            return self.collate(changed, front)

        return batch

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        if isinstance(module, TokenClassifier):
            shapes = torch.ones(2, 5, 2, dtype=torch.long)
            return pretrained.export(module, folder, {"shapes": shapes}, _AXES)
        feeds = {
            "words": torch.ones(2, 3, dtype=torch.long), "grams": torch.ones(2, 3, 24, dtype=torch.long),
            "shapes": torch.ones(2, 3, 2, dtype=torch.long), "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
        }  # fmt: skip
        return base.export(module, folder, feeds, {name: _AXES for name in feeds}, _AXES)


_AXES = {0: "batch", 1: "length"}


FAMILY = TokenFamily()
