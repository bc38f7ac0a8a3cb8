"""Question and context -> where the answer begins and ends. Pretrained: an encoder that reads both together."""

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
from modelworks.core.errors import ConfigError
from modelworks.kinds import Example
from modelworks.ops import pair
from modelworks.stages.learn import base, pretrained
from modelworks.stages.learn.networks.reader import SpanReader


class Pretrained(pretrained.Encoder, frozen=True, kw_only=True):
    """Options of a pretrained reader."""

    space: ClassVar[Mapping[str, Any]] = {"learning_rate": {"low": 3e-5, "high": 3e-4, "log": True}}

    epochs: float = 6
    batch_size: int = 16
    hide: float = 0.05
    scorings: float = 1.0
    window: int = 320
    """Most subwords of question and context that the encoder sees at once; longer contexts are read in windows."""
    question: int = 48
    """Most subwords of a question."""


class SpanFamily(base.Base):
    """Contexts of any length in; for each subword, whether an answer begins or ends there."""

    name, shape = "span", "span"
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Pretrained

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        if source.compact:
            raise ConfigError(
                "a reader needs a pretrained encoder: no data set at hand teaches a language besides the task",
                where="train.model", seen="compact", allowed="a hub id, a folder or a package of an encoder",
            )  # fmt: skip
        facts = pretrained.prepare(source, folder)
        return Front(body=_body(facts, options), resources=(pretrained.TOKENIZER,))

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        return SpanReader(pretrained.encoder(folder, options), options.head_dropout)

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, SpanReader)
        pretrained.load(module.encoder.model, source)

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        return pretrained.groups(module, options)

    def length(self, row: Mapping[str, Any]) -> int:
        return len(row["asked"]) + len(row["given"])

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        return _batch([_window(row, front, None) for row in rows], front)

    def batcher(self, rows: base.Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        return lambda places, random: _batch([_window(rows[i], front, random) for i in places], front)

    def loss(self, outputs: Mapping[str, torch.Tensor], batch: Mapping[str, Any], options: Recipe) -> torch.Tensor:
        """Mean cross entropy of where the answer begins and where it ends; position 0 stands for "no answer"."""
        logits = outputs["logits"].float().transpose(1, 2)
        return nn.functional.cross_entropy(
            logits.flatten(0, 1), batch["labels"].flatten(), label_smoothing=options.label_smoothing
        )

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        marks = torch.full((2, 5, 4), 2, dtype=torch.long)
        return pretrained.export(module, folder, {"marks": marks}, {0: "batch", 1: "length"})


def _body(facts: Mapping[str, Any], options: Pretrained) -> Body:
    size = min(options.window, facts["positions"])
    params = {
        "size": size, "stride": size // 2, "first": facts["first"], "last": facts["last"], "pad": facts["pad"],
        "multiple": base.MULTIPLE,
    }  # fmt: skip
    return Body(
        shape="span",
        before=(
            Call(
                op="pair.subwords.v1", inputs=("question", "context"), outputs=("asked", "given", "units"),
                params={"most": min(options.question, size // 2)}, resources=("tokenizer",),
            ),
        ),
        after=(
            Call(
                op="pair.windows.v1", inputs=("asked", "given"), outputs=("logits", "nothing"), params=params,
                graphs=("model",),
            ),
        ),
        length="given",
    )  # fmt: skip


def _window(row: Mapping[str, Any], front: Front, random: np.random.Generator | None) -> tuple[np.ndarray, list[int]]:
    """(one window of a row, positions in it at which the answer begins and ends, 0 for none).

    A window of a long context holds the answer, if there is one, but lies at random where chance is given."""
    params = front.body.after[0].params
    asked, given, (begin, end) = row["asked"], row["given"], row["labels"].tolist()
    cuts = pair.cut(len(asked), len(given), params["size"], params["stride"])
    room = cuts[0][1] - cuts[0][0]
    start = 0
    if len(cuts) > 1:
        low, high = (max(0, end + 1 - room), min(begin, len(given) - room)) if begin >= 0 else (0, len(given) - room)
        start = (low + max(low, high)) // 2 if random is None else int(random.integers(low, max(low, high) + 1))
    frame = pair.frame(asked, given[start : start + room], params["first"], params["last"])
    before = len(frame) - min(room, len(given) - start) - int(params["last"] is not None) - start
    inside = begin >= 0 and start <= begin and end < start + room
    return frame, [begin + before, end + before] if inside else [0, 0]


def _batch(windows: Sequence[tuple[np.ndarray, list[int]]], front: Front) -> dict[str, torch.Tensor]:
    params = front.body.after[0].params
    feeds = pair.batch([frame for frame, _ in windows], params["pad"], params["multiple"])
    labels = torch.tensor([places for _, places in windows])
    return {**{name: torch.from_numpy(value) for name, value in feeds.items()}, "labels": labels}


FAMILY = SpanFamily()
