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
from modelworks.stages.learn.mentions import Mentions, cased
from modelworks.stages.learn.networks import tagger
from modelworks.stages.learn.networks.encoder import LexicalTokenClassifier, TokenClassifier
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
    hidden: int = 128
    layers: int = 1
    """Of the LSTM. A second one gains nothing on 12,544 sentences (EWT tags 0.950 either way), and loses on 3,363
    (WNUT17 0.273 in place of 0.304)."""
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
    minimum: int = 2
    """Occurrences a word needs to have an id of its own, where the data gives tokens (see `TokenFamily.prepare`)."""
    buckets: int = 16384
    width: int = 64
    hidden: int = 128
    word_dropout: float = 0.25


class TokenFamily(base.Base):
    """Texts of any length in, logits for each unit out."""

    name, shape = "token", "token"
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        """A pretrained encoder learns beside a lexicon where the data gives tokens: there every word is labelled, and
        how it is spelled says much."""
        if source.compact:
            return token_fronts.prepare_words(examples, options.minimum, options.buckets, folder)
        facts = pretrained.prepare(source, folder)
        known = list(examples)
        if not any(getattr(example.input, "tokens", ()) for example in known):
            return Front(body=token_fronts.subword_body(facts, options.window), resources=(pretrained.TOKENIZER,))
        words = token_fronts.write_words(known, options.minimum, folder)
        base.write_json(folder / "network.json", {**facts, "words": words})
        body = token_fronts.subword_body(facts, options.window, options.buckets)
        return Front(body=body, resources=(pretrained.TOKENIZER, token_fronts.LEXICON))

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        words = base.read_json(folder / "network.json").get("words")
        sizes = {
            "words": words, "buckets": options.buckets, "width": options.width, "hidden": options.hidden,
            "word_dropout": options.word_dropout,
        }  # fmt: skip
        if isinstance(options, Compact):
            return tagger.WordTagger(len(classes), layers=options.layers, dropout=options.dropout, **sizes)
        encoder = pretrained.encoder(folder, options)
        if words is None:
            return TokenClassifier(encoder, len(classes), options.head_dropout)
        return LexicalTokenClassifier(encoder, len(classes), options.head_dropout, **sizes)

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, TokenClassifier)
        pretrained.load(module.encoder.model, source)

    def start(self, module: nn.Module, rows: base.Rows, front: Front, options: Any) -> bool:
        if not isinstance(module, TokenClassifier):
            return False
        some = sorted(base.sample(rows, options.start_examples), key=lambda row: len(row["ids"]))
        batches = [self.collate(some[i : i + 64], front) for i in range(0, len(some), 64)]
        found = pretrained.features(module, batches, options.fast_math)
        kept = [(x[y != base.IGNORED], y[y != base.IGNORED]) for x, y in found]
        fit_linear(module.head, torch.cat([x for x, _ in kept]), torch.cat([y for _, y in kept]))
        return True

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        if isinstance(module, TokenClassifier):
            return pretrained.groups(module, options)
        return super().groups(module, options)

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        labels = [row["labels"] for row in rows]
        if "ids" not in rows[0]:
            batch = {name: base.pad([row[name] for row in rows]) for name in token_fronts.WORDS}
            return {**batch, "labels": base.pad(labels, base.IGNORED), "attention_mask": base.mask(labels)}
        return token_fronts.framed(rows, front.body.after[0].params)

    def batcher(self, rows: base.Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        mentions = Mentions(rows, classes, front.body.after[0].inputs)

        def batch(positions: Sequence[int], random: np.random.Generator) -> dict[str, Any]:
            changed = [mentions.swapped(rows[i], options.swap, random) for i in positions]
            for row in changed:
                if random.random() < options.recase:
                    row["shapes"] = cased(row["shapes"], random)
            return self.collate(changed, front)

        return batch

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        if isinstance(module, TokenClassifier):
            some = _some(5) if isinstance(module, LexicalTokenClassifier) else {"shapes": _some(5)["shapes"]}
            return pretrained.export(module, folder, some, _AXES)
        feeds = {**_some(3), "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]])}
        return base.export(module, folder, feeds, {name: _AXES for name in feeds}, _AXES)


_AXES = {0: "batch", 1: "length"}


def _some(length: int) -> dict[str, torch.Tensor]:
    """Two rows of words, letters and shapes for the exporter."""
    shape = (2, length)
    return {
        "words": torch.ones(shape, dtype=torch.long),
        "grams": torch.ones((*shape, token_fronts.GRAMS["most"]), dtype=torch.long),
        "shapes": torch.ones((*shape, 2), dtype=torch.long),
    }


FAMILY = TokenFamily()
