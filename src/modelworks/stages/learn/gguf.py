"""A trained causal checkpoint as a GGUF file, which llama.cpp and what is built on it run; adapters are merged.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Written with llama.cpp's own package `gguf`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modelworks.bundle.causal import TEMPLATE, TOKENIZER
from modelworks.bundle.gguf import split_of
from modelworks.contracts.family import Family
from modelworks.core import registry
from modelworks.core.errors import StepError
from modelworks.stages.learn import base, checkpoint
from modelworks.stages.learn.networks import lora
from modelworks.stages.learn.training import FAMILIES

if TYPE_CHECKING:
    import gguf

TYPES = ("f32", "f16", "bf16", "q8_0")
"""What matrices may be written as; vectors stay float32."""
_ARCHITECTURE = "llama"
"""As configurations of Hugging Face and GGUF both name it: Llama, SmolLM, TinyLlama and others of this structure."""
_NORMAL, _CONTROL, _DEFINED, _UNUSED = 1, 3, 4, 5


def write(source: Path, target: Path, kind: str = "f16") -> None:
    """Write the checkpoint artifact `source` as the file `target`.

    Raises:
        StepError: its network or tokenizer is none that this can write.
    """
    facts = checkpoint.read(source)
    family: Family = registry.leaf(FAMILIES, facts.family, "FAMILY")
    config = base.read_json(source / "network.json").get("config", {})
    _check(config, facts, source)
    package = registry.load("gguf:GGUFWriter")
    module = checkpoint.module(source, facts, family)
    lora.merge(module)
    writer: gguf.GGUFWriter = package(str(target), _ARCHITECTURE)
    _describe(writer, config, facts.source["name"])
    _tokens(writer, source, config["vocab_size"], facts.front.body.after[-1].params)
    for name, tensor in _tensors(module.model, config):
        _add(writer, name, tensor, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _check(config: Mapping[str, Any], facts: checkpoint.Checkpoint, source: Path) -> None:
    seen = config.get("model_type", "compact" if facts.compact else facts.family)
    if seen != _ARCHITECTURE:
        raise StepError("this network cannot be written as GGUF", where=str(source), seen=seen, allowed=_ARCHITECTURE)
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    if (scaled := rope.get("rope_type", rope.get("type", "default"))) != "default":
        raise StepError("scaled positions cannot be written as GGUF", where=str(source), seen=scaled, allowed="default")


def _describe(writer: gguf.GGUFWriter, config: Mapping[str, Any], name: str) -> None:
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    theta = (config.get("rope_parameters") or {}).get("rope_theta") or config.get("rope_theta") or 10_000.0
    writer.add_name(name)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(float(theta))
    writer.add_layer_norm_rms_eps(config.get("rms_norm_eps", 1e-6))
    writer.add_vocab_size(config["vocab_size"])


def _tokens(writer: gguf.GGUFWriter, source: Path, size: int, params: Mapping[str, Any]) -> None:
    """The tokenizer, what begins and ends texts, and the chat template."""
    written = (source / TOKENIZER.file).read_text("utf-8")
    known = json.loads(written)
    if known["model"]["type"] != "BPE":
        raise StepError("only byte pairs are written", where=str(source), seen=known["model"]["type"], allowed="BPE")
    names = {number: token for token, number in known["model"]["vocab"].items()}
    kinds = dict.fromkeys(names, _NORMAL)
    for token in known.get("added_tokens", ()):
        names[token["id"]] = token["content"]
        kinds[token["id"]] = _CONTROL if token["special"] else _DEFINED
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in known["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(split_of(written, str(source)))
    writer.add_token_list([names.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types([kinds.get(number, _UNUSED) for number in range(size)])
    writer.add_token_merges(merges)
    for add, numbers in ((writer.add_bos_token_id, params["first"]), (writer.add_eos_token_id, params["ends"])):
        if numbers:
            add(numbers[0])
    if len(params["ends"]) > 1:
        writer.add_eot_token_id(params["ends"][1])
    writer.add_add_bos_token(bool(params["first"]))
    if (source / TEMPLATE.file).is_file():
        writer.add_chat_template(json.loads((source / TEMPLATE.file).read_text("utf-8"))["template"])


def _tensors(model: Any, config: Mapping[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Weights by their names in GGUF. llama.cpp turns neighbours of a head where transformers turns halves."""
    from gguf import MODEL_ARCH, get_tensor_name_map

    heads = config["num_attention_heads"]
    of = {"q_proj": heads, "k_proj": config.get("num_key_value_heads") or heads}
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    tied = config.get("tie_word_embeddings", False)
    for name, value in model.state_dict().items():
        parent, _, leaf = name.rpartition(".")
        if tied and parent == "lm_head":
            continue
        known = names.get_name(parent)
        if known is None:
            raise StepError("a weight has no place in a GGUF file", seen=name)
        array = value.float().numpy()
        if (many := of.get(parent.rpartition(".")[2])) is not None:
            array = array.reshape(many, 2, -1, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
        yield f"{known}.{leaf}", array


def _add(writer: gguf.GGUFWriter, name: str, tensor: np.ndarray, kind: str) -> None:
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    kept = GGMLQuantizationType[kind.upper() if tensor.ndim > 1 else "F32"]
    if kept.name == "Q8_0" and tensor.shape[-1] % 32:
        kept = GGMLQuantizationType.F16
    writer.add_tensor(name, quantize(tensor, kept), raw_dtype=kept)
