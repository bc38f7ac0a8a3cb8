"""Text -> classes by Keras 3 and TensorFlow: word vectors, a convolution, mean and maximum, one layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from modelworks.contracts.body import Body
from modelworks.contracts.family import Front, Recipe, Resource, Source
from modelworks.contracts.program import Call
from modelworks.kinds import Example, Text
from modelworks.stages.learn import base
from modelworks.stages.learn.keras_family import KerasFamily

TOKENIZER = Resource(name="tokenizer", file="resources/tokenizer.json", type="tokenizer")
_SPECIAL = ("[PAD]", "[UNK]")


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the Keras network for texts."""

    space: ClassVar[Mapping[str, Any]] = {"learning_rate": {"low": 5e-4, "high": 5e-3, "log": True}, "width": [32, 64]}

    epochs: float = 10
    learning_rate: float = 2e-3
    width: int = 64
    """Of a word's vector, and channels of the convolution."""
    dropout: float = 0.3
    words: int = 20_000
    """Most words, the most frequent first."""
    minimum: int = 1
    """Texts a word must occur in."""
    max_length: int = 64
    """Words of a text: longer ones are cut, shorter ones filled up."""


class KerasSequence(KerasFamily):
    """Texts of any length in, one row of logits out."""

    name, shape, network, variable, column = "keras-sequence", "sequence", "text", "padded", "ids"
    options: type[Recipe] = Compact
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        self.refuse(source)
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))  # noqa: S106 (no password)
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer = trainers.WordLevelTrainer(
            vocab_size=options.words, min_frequency=options.minimum, special_tokens=list(_SPECIAL), show_progress=False
        )
        tokenizer.train_from_iterator((text.input.text for text in examples if isinstance(text.input, Text)), trainer)
        (folder / TOKENIZER.file).parent.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(folder / TOKENIZER.file))
        base.write_json(folder / "network.json", {"words": tokenizer.get_vocab_size(), "length": options.max_length})
        return Front(body=_body(options.max_length), resources=(TOKENIZER,))

    def facts(self, front: Front, folder: Path) -> dict[str, Any]:
        return dict(base.read_json(folder / "network.json"))

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        length = front.body.before[0].params["max_length"]
        padded = np.zeros((len(rows), length), np.int64)
        for place, row in zip(padded, rows, strict=True):
            place[: len(row["ids"])] = row["ids"]
        return dict(self.labelled(rows, padded))


def _body(length: int) -> Body:
    tokenize = Call(
        op="text.tokenize.v1", inputs=("text",), outputs=("ids",), params={"max_length": length},
        resources=("tokenizer",),
    )  # fmt: skip
    pad = Call(op="batch.pad.v1", inputs=("ids",), outputs=("padded", "mask"), params={"minimum": length})
    graph = Call(graph="model", inputs=("padded",), outputs=("logits",))
    return Body(shape="sequence", before=(tokenize,), after=(pad, graph), length="ids")


FAMILY = KerasSequence()
