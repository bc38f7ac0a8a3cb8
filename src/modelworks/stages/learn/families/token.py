"""Text -> a class for each unit. Compact: a word tagger. Pretrained: an encoder over subwords."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from modelworks.contracts.body import Body
from modelworks.contracts.family import Batcher, Front, Graph, Recipe, Resource, Source
from modelworks.contracts.program import Call
from modelworks.kinds import Example, Text
from modelworks.ops._words import normal_word, split_words
from modelworks.stages.learn import base, pretrained
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
            return _prepare_words(examples, options, folder)
        facts = pretrained.prepare(source, folder)
        return Front(body=_encoder_body(facts, options), resources=(pretrained.TOKENIZER,))

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
        some = sorted(rows[: options.start_examples], key=lambda row: len(row["ids"]))
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
            batch = {name: base.pad([row[name] for row in rows]) for name in _WORDS}
            return {**batch, "labels": base.pad(labels, base.IGNORED), "attention_mask": base.mask(labels)}
        return _framed(rows, front.body.after[0].params)

    def batcher(self, rows: base.Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        names = _WORDS if isinstance(options, Compact) else ("ids", "shapes")
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


_WORDS = ("words", "grams", "shapes")
_AXES = {0: "batch", 1: "length"}


def _framed(rows: base.Rows, windows: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Rows cut to one window and framed by the special ids, as `graph.windows.v1` does."""
    first, last = (windows[edge][0] if windows.get(edge) else None for edge in ("first", "last"))
    before, after = int(first is not None), int(last is not None)
    room = windows["size"] - before - after
    cut = [{name: row[name][:room] for name in ("ids", "shapes", "labels")} for row in rows]
    ids = [np.concatenate([[first] * before, row["ids"], [last] * after]).astype(np.int64) for row in cut]
    frame = [(before, after)]
    return {
        "input_ids": base.pad(ids, windows["pad"][0]),
        "shapes": base.pad([np.pad(row["shapes"], [*frame, (0, 0)]) for row in cut]),
        "attention_mask": base.mask(ids),
        "labels": base.pad([np.pad(row["labels"], frame, constant_values=base.IGNORED) for row in cut], base.IGNORED),
    }


def _encoder_body(facts: Mapping[str, Any], options: Pretrained) -> Body:
    size = min(options.window, facts["positions"])
    params: dict[str, Any] = {
        "feeds": ["input_ids", "shapes"], "size": size, "stride": size // 2, "mask": "attention_mask",
        "pad": [facts["pad"], 0],
    }  # fmt: skip
    params |= {edge: [facts[edge], 0] for edge in ("first", "last") if facts[edge] is not None}
    return Body(
        shape="token",
        before=(
            Call(op="text.subwords.v1", inputs=("text",), outputs=("ids", "units"), resources=("tokenizer",)),
            Call(op="text.shape.v1", inputs=("text", "units"), outputs=("shapes",)),
        ),
        after=(
            Call(
                op="graph.windows.v1", inputs=("ids", "shapes"), outputs=("logits",), graphs=("model",), params=params
            ),
        ),
        length="ids",
    )


def _prepare_words(examples: Iterable[Example], options: Compact, folder: Path) -> Front:
    counts: Counter[str] = Counter()
    for example in examples:
        assert isinstance(example.input, Text)
        text = example.input.text
        counts.update(normal_word(text[a:b]) for a, b in split_words(text).tolist())
    kept = sorted(word for word, count in counts.items() if count >= options.minimum)
    base.write_json(folder / "resources" / "words.json", {word: i + 2 for i, word in enumerate(kept)})
    base.write_json(folder / "network.json", {"kind": "tagger", "words": len(kept) + 2})
    return Front(body=_body(options), resources=(Resource(name="words", file="resources/words.json", type="json"),))


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
