"""Text and its sentences -> how well each stands for the text. Compact: linear in words and place, fitted at once.
Pretrained: an encoder over the whole text, pooled by sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from modelworks.contracts.body import Body
from modelworks.contracts.family import Front, Graph, Recipe, Resource, Source
from modelworks.contracts.program import Call
from modelworks.kinds import Example, Text
from modelworks.ops._sentence_windows import Window, cut, frame
from modelworks.ops._sentences import sentence_hashes, split_sentences
from modelworks.stages.learn import base, pretrained
from modelworks.stages.learn.networks.sentences import SentenceBag, SentenceEncoder, freeze_below

_MOST = 96
"""Features of a sentence that count."""
_NONE = -1
"""Gain of the filling behind the last sentence."""


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the linear model."""

    space: ClassVar[Mapping[str, Any]] = {"penalty": {"low": 0.003, "high": 0.1, "log": True}, "minimum": [2, 3, 5]}

    minimum: int = 3
    """Sentences a feature must occur in."""
    features: int = 500_000
    """Most features, the most frequent first."""
    penalty: float = 0.015
    """Of the squared weights, for each text."""
    sharpness: float = 0.1
    """Difference of gain (ROUGE) that makes a sentence e times as good a choice."""


class Pretrained(pretrained.Encoder, frozen=True, kw_only=True):
    """Options of the encoder."""

    epochs: float = 3
    batch_size: int = 16
    learning_rate: float = 2e-4
    scorings: float = 1.0
    scored: int = 400
    most: int = 48
    """Subwords of a sentence that are read."""
    window: int = 512
    """Subwords the encoder sees at once; longer texts are read in windows of whole sentences."""
    train_layers: int = 2
    """Layers that learn, from the top: the lower ones are good as they are, and cost most of the time; 0 for all."""
    sharpness: float = 0.1
    """Difference of gain (ROUGE) that makes a sentence e times as good a choice."""


class SentencesFamily(base.Base):
    """A text's sentences in, a logit for each out; trained to choose the one of the highest gain."""

    name, shape = "sentences", "sentences"
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        if source.compact:
            return _prepare_features(examples, options, folder)
        facts = pretrained.prepare(source, folder)
        return Front(body=_encoder_body(facts, options), resources=(pretrained.TOKENIZER,))

    def build(self, front: Front, classes: Any, options: Any, folder: Path) -> nn.Module:
        if isinstance(options, Compact):
            return SentenceBag(base.read_json(folder / "network.json")["features"], _MOST)
        encoder = pretrained.encoder(folder, options)
        if options.train_layers:
            freeze_below(encoder, options.train_layers)
        return SentenceEncoder(encoder, options.head_dropout)

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, SentenceEncoder)
        pretrained.load(module.encoder.model, source)

    def start(self, module: nn.Module, rows: base.Rows, front: Front, options: Any) -> bool:
        if not isinstance(module, SentenceBag):
            return False
        _fit(module, rows, options)
        return True

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        return [] if isinstance(module, SentenceBag) else pretrained.groups(module, options)

    def length(self, row: Mapping[str, Any]) -> int:
        return len(row["ids"]) if "ids" in row else len(row["labels"])

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        """Of a text that is longer than a window, its first window."""
        if "features" in rows[0]:
            features = base.pad([row["features"] for row in rows], front.body.after[0].params["pad"][0])
            return {"features": features, "labels": base.pad([row["labels"] for row in rows], _NONE)}
        params = front.body.after[0].params
        counts = [len(row["labels"]) for row in rows]
        room = params["size"] - (params["first"] is not None)
        windows = [
            cut(number, row["owners"], count, room)[0] if count else Window(number, 0, 0)
            for number, (row, count) in enumerate(zip(rows, counts, strict=True))
        ]
        feeds = frame(windows, [row["ids"] for row in rows], [row["owners"] for row in rows], counts, **params)
        batch = {name: torch.from_numpy(array) for name, array in feeds.items()}
        gains = [row["labels"][: window.end] for row, window in zip(rows, windows, strict=True)]
        return {**batch, "labels": base.pad(gains, _NONE, base.MULTIPLE)}

    def loss(self, outputs: Mapping[str, torch.Tensor], batch: Mapping[str, Any], options: Any) -> torch.Tensor:
        gains = batch["labels"]
        return _choice(outputs["logits"].float().reshape(gains.shape), gains, options.sharpness)

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        if isinstance(module, SentenceBag):
            feeds = {"features": torch.zeros(2, 3, _MOST, dtype=torch.int32)}
            return base.export(module, folder, feeds, {"features": _SENTENCES}, _SENTENCES)
        assert isinstance(module, SentenceEncoder)
        module.encoder.model.set_attn_implementation("eager")  # as onnxruntime's fusions expect it
        length = {0: "batch", 1: "length"}
        feeds = {
            "input_ids": torch.ones(2, 8, dtype=torch.long),
            "attention_mask": torch.tensor([[1] * 8, [1] * 5 + [0] * 3]),
            "owners": torch.tensor([[-1, 0, 0, 1, 1, 1, 2, 2], [-1, 0, 0, 1, 1, -1, -1, -1]]),
            "places": torch.zeros(2, 4, 2, dtype=torch.long),
        }  # fmt: skip
        axes = {name: _SENTENCES if name == "places" else length for name in feeds}
        return base.export(module, folder, feeds, axes, _SENTENCES)


_SENTENCES = {0: "batch", 1: "sentences"}


def _choice(logits: torch.Tensor, gains: torch.Tensor, sharpness: float) -> torch.Tensor:
    """Cross entropy [B, S] between the softmax of the gains and that of the logits, mean over texts; gains below 0 are
    filling (Cao et al. 2007, ListNet)."""
    there = gains >= 0
    wanted = torch.where(there, gains / sharpness, -1e4).softmax(-1)
    return -(wanted * torch.where(there, logits, -1e4).log_softmax(-1)).sum(-1).mean()


def _fit(module: SentenceBag, rows: base.Rows, options: Compact) -> None:
    """The one minimum of the convex loss, by L-BFGS over all texts at once."""
    texts = [row for row in rows if len(row["labels"])]
    flat = torch.from_numpy(np.concatenate([row["features"] for row in texts])).long()
    gains = base.pad([row["labels"] for row in texts], _NONE)
    where = (gains >= 0).flatten().nonzero().squeeze(1)
    weight = torch.zeros(module.features + 1, 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=60, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        scores = nn.functional.embedding_bag(flat, weight, mode="sum", padding_idx=module.features).squeeze(1)
        logits = torch.zeros(gains.numel()).index_put((where,), scores).reshape(gains.shape)
        loss = _choice(logits, gains, options.sharpness) + 0.5 * options.penalty * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        module.table.weight.copy_(weight)
        module.table.weight[-1] = 0


def _prepare_features(examples: Iterable[Example], options: Compact, folder: Path) -> Front:
    """Write the sorted hashes of the features that occur often enough; the body that looks them up."""
    counts: Counter[int] = Counter()
    for example in examples:
        assert isinstance(example.input, Text)
        given = getattr(example.input, "sentences", ())
        units = np.array(given, dtype=np.int32).reshape(-1, 2) if given else split_sentences(example.input.text)
        for hashes in sentence_hashes(example.input.text, units, _MOST):
            counts.update(set(hashes.tolist()))
    kept = sorted((-count, found) for found, count in counts.items() if count >= options.minimum)[: options.features]
    vocabulary = np.sort(np.array([found for _, found in kept], dtype=np.uint32))
    (folder / _VOCABULARY.file).parent.mkdir(parents=True, exist_ok=True)
    np.save(folder / _VOCABULARY.file, vocabulary)
    base.write_json(folder / "network.json", {"kind": "sentence-bag", "features": len(vocabulary)})
    return Front(body=_feature_body(len(vocabulary)), resources=(_VOCABULARY,))


_VOCABULARY = Resource(name="features", file="resources/features.npy", type="array")


def _feature_body(size: int) -> Body:
    params = {"feeds": ["features"], "size": 512, "stride": 512, "pad": [size]}
    look = Call(
        op="sentences.features.v1", inputs=("text", "units"), outputs=("features",), params={"most": _MOST},
        resources=("features",),
    )  # fmt: skip
    score = Call(
        op="graph.windows.v1", inputs=("features",), outputs=("logits",), graphs=("model",), params=params
    )  # fmt: skip
    return Body(shape="sentences", before=(look,), after=(score,), length="features")


def _encoder_body(facts: Mapping[str, Any], options: Pretrained) -> Body:
    params = {
        "size": min(options.window, facts["positions"]), "first": facts["first"], "last": facts["last"],
        "pad": facts["pad"],
    }  # fmt: skip
    read = Call(
        op="sentences.subwords.v1", inputs=("text", "units"), outputs=("ids", "owners"), params={"most": options.most},
        resources=("tokenizer",),
    )  # fmt: skip
    score = Call(
        op="sentences.windows.v1", inputs=("ids", "owners", "units"), outputs=("logits",), graphs=("model",),
        params=params,
    )  # fmt: skip
    return Body(shape="sentences", before=(read,), after=(score,), length="ids")


FAMILY = SentencesFamily()
