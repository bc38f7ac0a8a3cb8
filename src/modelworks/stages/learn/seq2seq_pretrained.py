"""What a pretrained encoder-decoder brings: its tokenizer, its special tokens, its structure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from modelworks.contracts.family import Front, Resource, Source
from modelworks.core.errors import StepError
from modelworks.stages.learn import base
from modelworks.stages.learn.networks.seq2seq_pretrained import Decoding, Encoding
from modelworks.stages.learn.networks.seq2seq_pretrained import Pretrained as Network
from modelworks.stages.learn.seq2seq_body import body

__all__ = ["Network", "graphs", "prepare"]
_FILE = "resources/tokenizer.json"


def prepare(source: Source, options: Any, folder: Path) -> Front:
    """Copy the tokenizer, which serves both sides; write network.json with the configuration."""
    assert source.folder is not None
    for name in ("tokenizer.json", "config.json"):
        if not (source.folder / name).is_file():
            raise StepError(
                f"the pretrained model has no {name}", where=str(source.folder),
                seen=sorted(path.name for path in source.folder.iterdir())[:12],
                hint="a fast tokenizer's save_pretrained(folder) writes tokenizer.json",
            )  # fmt: skip
    (folder / "resources").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source.folder / "tokenizer.json", folder / _FILE)
    config = json.loads((source.folder / "config.json").read_text("utf-8"))
    if not config.get("is_encoder_decoder"):
        raise StepError(
            "the pretrained model is no encoder-decoder", where=str(source.folder), seen=config.get("model_type"),
            allowed="MarianMT, T5, BART, and others of their kind",
        )  # fmt: skip
    base.write_json(folder / "network.json", {"config": config})
    with torch.device("meta"):
        past = Network(config, None).eval().past()
    resources = tuple(Resource(name=name, file=_FILE, type="tokenizer") for name in ("source", "target"))
    return Front(body=body(options, past, _special(folder / _FILE, config), options.prefix), resources=resources)


def _special(path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Ids, as `generate.beam.v1` names them."""
    from tokenizers import Tokenizer

    known = Tokenizer.from_file(str(path)).get_added_tokens_decoder()
    pad = int(config.get("pad_token_id") or 0)
    start = config.get("decoder_start_token_id")
    start = int(start if start is not None else config.get("bos_token_id") or pad)
    end = int(config["eos_token_id"])
    silent = sorted({pad, start, end, *(number for number, token in known.items() if token.special)})
    return {"start": start, "end": end, "banned": [pad] if pad != end else [], "silent": silent, "pad": pad}


def graphs(network: Network) -> dict[str, nn.Module]:
    """Both graphs of a network."""
    return {"encoder": Encoding(network), "decoder": Decoding(network)}
