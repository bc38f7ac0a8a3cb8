"""What the families share about pretrained text encoders: options, files, weights, parameter groups."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from modelworks.contracts.family import Graph, Recipe, Resource, Source
from modelworks.core.errors import StepError
from modelworks.stages.learn import base, place
from modelworks.stages.learn.networks.encoder import TextEncoder, depth_of

TOKENIZER = Resource(name="tokenizer", file="resources/tokenizer.json", type="tokenizer")


class Encoder(Recipe, frozen=True, kw_only=True):
    """Options of a pretrained text encoder."""

    space: ClassVar[Mapping[str, Any]] = {
        "learning_rate": {"low": 3e-5, "high": 3e-4, "log": True},
        "hide": [0.0, 0.12],
    }

    ema: float = 0.99
    dropout: float = 0.1
    """Inside the encoder."""
    head_dropout: float = 0.1
    hide: float = 0.12
    """Share of subwords that are masked while training."""
    layer_decay: float = 0.9
    """Each layer learns at this times the rate of the one above it."""
    freeze_embeddings: bool = True
    start_examples: int = 8000
    """Most training examples for the first, linear model."""


def prepare(source: Source, folder: Path) -> dict[str, Any]:
    """Copy the tokenizer; write and return network.json: the encoder's configuration and its special ids."""
    assert source.folder is not None
    (folder / "resources").mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "config.json"):
        if not (source.folder / name).is_file():
            raise StepError(
                f"the pretrained model has no {name}", where=str(source.folder),
                seen=sorted(path.name for path in source.folder.iterdir())[:12],
                hint="AutoTokenizer.from_pretrained(…).save_pretrained(folder) writes tokenizer.json",
            )  # fmt: skip
    shutil.copyfile(source.folder / "tokenizer.json", folder / TOKENIZER.file)
    config = json.loads((source.folder / "config.json").read_text("utf-8"))
    facts = {"kind": "encoder", "config": config, **_special(folder / TOKENIZER.file, config)}
    base.write_json(folder / "network.json", facts)
    return facts


def _special(path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Ids that frame a text (`first`, `last`), the masking id, and all special ids."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    framed = tokenizer.encode("a")
    inner = [i for i, flag in enumerate(framed.special_tokens_mask) if not flag]
    first, last = framed.ids[: inner[0]], framed.ids[inner[-1] + 1 :]
    special = sorted(i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special)
    pad = int(config.get("pad_token_id") or 0)
    positions = int(config.get("max_position_embeddings") or 512)
    if "roberta" in config.get("model_type", ""):  # their positions begin behind the padding id
        positions -= pad + 1
    mask = next((i for t in ("[MASK]", "<mask>") if (i := tokenizer.token_to_id(t)) is not None), None)
    return {
        "first": first[0] if first else None, "last": last[-1] if last else None, "mask": mask, "special": special,
        "pad": pad, "positions": positions,
    }  # fmt: skip


def encoder(folder: Path, options: Encoder) -> TextEncoder:
    """The encoder's structure, from network.json."""
    facts = base.read_json(folder / "network.json")
    made = TextEncoder(
        facts["config"], dropout=options.dropout, mask=facts["mask"], special=facts["special"], hide=options.hide
    )
    if options.freeze_embeddings:
        made.freeze_embeddings()
    return made


def load(model: nn.Module, source: Source) -> None:
    """Fill an AutoModel from the safetensors of a folder; a StepError when weights are missing.

    transformers reads them, because it knows the names that weights had in older versions."""
    from transformers.utils import logging

    assert source.folder is not None
    logging.disable_progress_bar()  # the stage tells where it stands
    logging.set_verbosity_error()  # what is missing is an error below; what is left over does not matter
    extra = {"add_pooling_layer": False} if getattr(model, "pooler", False) is None else {}
    try:
        found, report = type(model).from_pretrained(
            source.folder, config=model.config, output_loading_info=True, use_safetensors=True, local_files_only=True,
            dtype=torch.float32, **extra,
        )  # fmt: skip
    except (OSError, RuntimeError, ValueError) as error:
        raise _misfit(source, str(error).splitlines()[0]) from error
    missing = sorted(str(name) for name in report["missing_keys"])
    if missing or report["mismatched_keys"]:
        raise _misfit(source, missing[:3] or sorted(map(str, report["mismatched_keys"]))[:3])
    model.load_state_dict(found.state_dict())


def _misfit(source: Source, seen: Any) -> StepError:
    return StepError(
        "the weights do not fit the model's configuration", where=str(source.folder), seen=seen,
        hint="is config.json the one of these weights?",
    )  # fmt: skip


def groups(module: nn.Module, options: Encoder, prefix: str = "encoder.") -> list[dict[str, Any]]:
    """AdamW groups: the head at its own rate, encoder layers (parameters named `prefix`…) at rates that fall with
    depth."""
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    depths = [depth for name, _ in named if (depth := depth_of(name)) is not None]
    top = max(depths, default=0)
    by_rate: dict[float, list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in named:
        by_rate.setdefault(_rate(name, top, options, prefix), []).append((name, parameter))
    return [group for rate, some in by_rate.items() for group in base.decay_groups(some, rate, options.weight_decay)]


def _rate(name: str, top: int, options: Encoder, prefix: str) -> float:
    if not name.startswith(prefix):
        return options.head_learning_rate
    depth = depth_of(name)
    below = top + 1 if depth is None else top - depth
    return options.learning_rate * options.layer_decay**below


@torch.inference_mode()
def features(
    module: nn.Module, batches: Sequence[Mapping[str, torch.Tensor]], fast: bool
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(features, labels) of each batch, with the network frozen, where it lies; `fast`: in bfloat16 if it is quick."""
    module.eval()
    where = place.of(module)
    fast = fast and place.fast_math(where)
    found = []
    for batch in (place.moved(batch, where) for batch in batches):
        feeds = {name: value for name, value in batch.items() if name != "labels"}
        with torch.autocast(where.type, torch.bfloat16, enabled=fast):
            found.append((module.features(**feeds).float(), batch["labels"]))
    return found


def export(
    module: nn.Module, folder: Path, feeds: Mapping[str, torch.Tensor], axes: Mapping[int, str]
) -> tuple[Graph, ...]:
    """Write the graph of a text network; its attention is spelled out, as onnxruntime's fusions expect it."""
    length = {0: "batch", 1: "length"}
    some = {
        "input_ids": torch.ones(2, 5, dtype=torch.long), **feeds,
        "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    }  # fmt: skip
    module.encoder.model.set_attn_implementation("eager")
    return base.export(module, folder, some, dict.fromkeys(some, length), axes)
