"""Text -> the text that follows. Compact: a small GPT over characters, bytes or subwords. Pretrained: any causal
checkpoint, by low-rank adapters or whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from modelworks.contracts.decoder import Cache
from modelworks.contracts.family import Batcher, Front, Graph, Recipe, Source
from modelworks.kinds import Example
from modelworks.stages.learn import base, causal_fronts, graphs, muon, pretrained
from modelworks.stages.learn.networks import lora
from modelworks.stages.learn.networks.causal import Pretrained as Network
from modelworks.stages.learn.networks.gpt import GPT


class Compact(Recipe, frozen=True, kw_only=True):
    """Options of the small GPT."""

    space: ClassVar[Mapping[str, Any]] = {
        "learning_rate": {"low": 1e-3, "high": 6e-3, "log": True},
        "matrix_learning_rate": {"low": 0.005, "high": 0.04, "log": True},
    }  # fmt: skip

    epochs: float = 4
    batch_size: int = 16
    learning_rate: float = 3e-3
    """Of tables, gains and the last layer (AdamW)."""
    matrix_learning_rate: float = 0.02
    """Of the layers' matrices (Muon)."""
    weight_decay: float = 0.0
    warmup: float = 0.03
    scorings: float = 1.0
    scored: int = 16
    patience: int = 4
    units: Literal["characters", "bytes", "subwords"] = "characters"
    """What the network reads and writes, one after the other."""
    vocabulary: int = 4096
    """Most subwords."""
    context: int = 256
    """Units it sees at once."""
    layers: int = 6
    width: int = 192
    heads: int = 3
    before: int = 4
    """Tokens before each one whose tables are added to its own."""
    dropout: float = 0.1


class Pretrained(Recipe, frozen=True, kw_only=True):
    """Options of a causal checkpoint."""

    space: ClassVar[Mapping[str, Any]] = {
        "learning_rate": {"low": 5e-5, "high": 1e-3, "log": True}, "rank": [4, 8, 16],
    }  # fmt: skip

    epochs: float = 2
    batch_size: int = 4
    learning_rate: float = 2e-4
    warmup: float = 0.05
    scorings: float = 1.0
    scored: int = 16
    context: int = 512
    """Most tokens of a training example, and of a text while it is written."""
    rank: int = 8
    """Of the low-rank adapters; 0 trains all weights."""
    alpha: float = 16.0
    """The adapters' scale is alpha / rank."""
    dropout: float = 0.0
    """Inside the adapters."""


class CausalFamily(base.Base):
    """Prompts of any length in, text out."""

    name, shape = "causal", "causal"
    options: type[Recipe] = Pretrained
    compact: type[Recipe] = Compact

    def prepare(self, examples: Iterable[Example], source: Source, options: Any, folder: Path) -> Front:
        if source.compact:
            known = causal_fronts.train_tokenizer(examples, options.units, options.vocabulary, folder)
            base.write_json(folder / "network.json", {"vocabulary": known})
            network: Any = _compact(known, options)
            cache = Cache(vocabulary=known, context=options.context, states=network.states)
            return causal_fronts.front(cache, [0], [0], template=False)
        facts = causal_fronts.copy_tokenizer(source, folder)
        base.write_json(folder / "network.json", {"config": facts["config"]})
        network = Network(facts["config"])
        context = min(options.context, network.context)
        cache = Cache(vocabulary=network.vocabulary, context=context, states=network.states)
        return causal_fronts.front(cache, facts["first"], facts["ends"], facts["template"] is not None)

    def build(self, front: Front, classes: Sequence[str], options: Any, folder: Path) -> nn.Module:
        facts = base.read_json(folder / "network.json")
        if isinstance(options, Compact):
            return _compact(facts["vocabulary"], options)
        network = Network(facts["config"])
        if options.rank:
            lora.adapt(network.model, options.rank, options.alpha, options.dropout)
        return network

    def load(self, module: nn.Module, source: Source) -> None:
        assert isinstance(module, Network)
        fresh = type(module.model)(module.model.config)
        pretrained.load(fresh, source)
        known = {name: value for name, value in fresh.state_dict().items()}
        renamed = {_adapted(name, module.model): value for name, value in known.items()}
        module.model.load_state_dict(renamed, strict=False)

    def groups(self, module: nn.Module, options: Any) -> list[dict[str, Any]]:
        if not isinstance(options, Compact):
            return super().groups(module, options)
        assert isinstance(module, GPT)
        return muon.groups(module, module.blocks.parameters(), options)

    def optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return muon.Muon(groups) if "muon" in groups[0] else super().optimizer(groups)

    def numericalize(self, rows: base.Rows, front: Front, folder: Path) -> base.Rows:
        """Long rows become pieces of two contexts, one of which a batch shows; a text's end gets its token."""
        params = _params(front)
        context, ends = params["cache"]["context"], params["ends"]
        pieces = []
        for row in rows:
            ids, labels = row["ids"], row["labels"]
            if int(row["whole"]) and ends:
                ids, labels = np.append(ids, ends[0]), np.append(labels, ends[0])
            for start in range(0, max(1, len(ids)), context):
                piece = slice(start, start + 2 * context)
                if len(ids) and (labels[piece] >= 0).any():
                    pieces.append({"ids": ids[piece], "labels": labels[piece]})
        return pieces

    def length(self, row: Mapping[str, Any]) -> int:
        return len(row["ids"])

    def collate(self, rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
        """The network reads each token to say the next; the first is said after what begins every sequence."""
        params = _params(front)
        context, first = params["cache"]["context"], params["first"]
        read, said = [], []
        for row in rows:
            ids = np.concatenate([[] if row["ids"][:1].tolist() == first else first, row["ids"]]).astype(np.int64)
            labels = np.concatenate([np.full(len(ids) - len(row["labels"]), base.IGNORED), row["labels"]])
            read.append(ids[:-1][:context])
            said.append(labels[1:][:context].astype(np.int64))
        return {"input_ids": base.pad(read), "labels": base.pad(said, base.IGNORED)}

    def batcher(self, rows: base.Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        context = _params(front)["cache"]["context"]

        def batch(positions: Sequence[int], random: np.random.Generator) -> dict[str, Any]:
            return self.collate([_shown(rows[i], context, random) for i in positions], front)

        return batch

    def graphs(self, module: nn.Module) -> Mapping[str, nn.Module]:
        return {"model": module}

    def export(self, module: nn.Module, folder: Path) -> tuple[Graph, ...]:
        assert isinstance(module, GPT | Network)
        lora.merge(module)
        past = {f"past.{name}": torch.zeros(1, heads, 3, width) for name, (heads, width) in module.states.items()}
        feeds = {"input_ids": torch.zeros(1, 2, dtype=torch.long), **past}
        left = {name.replace("past", "present"): {2: "whole"} for name in past}
        inputs: dict[str, dict[int, str]] = {"input_ids": {1: "length"}, **{name: {2: "past"} for name in past}}
        return (graphs.write("model", module, folder, feeds, inputs, {"logits": {1: "length"}, **left}),)


def _compact(vocabulary: int, options: Any) -> GPT:
    return GPT(
        vocabulary, layers=options.layers, width=options.width, heads=options.heads, context=options.context,
        before=options.before, dropout=options.dropout,
    )  # fmt: skip


def _params(front: Front) -> Mapping[str, Any]:
    return front.body.after[-1].params


def _adapted(name: str, model: nn.Module) -> str:
    """A weight's name in a model whose layers were adapted."""
    parent, _, leaf = name.rpartition(".")
    layer = model.get_submodule(parent)
    return f"{parent}.layer.{leaf}" if isinstance(layer, lora.Adapted) else name


def _shown(row: Mapping[str, Any], context: int, random: np.random.Generator) -> Mapping[str, Any]:
    """A context's length of a row, beginning anywhere in it."""
    spare = len(row["ids"]) - context
    start = int(random.integers(spare + 1)) if spare > 0 else 0
    return {name: row[name][start : start + context] for name in ("ids", "labels")}


FAMILY = CausalFamily()
