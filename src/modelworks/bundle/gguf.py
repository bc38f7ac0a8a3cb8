"""What a GGUF file says beside its weights: metadata, tokenizer, chat template.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Only the header is read, with bounds."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from modelworks.core.errors import BundleError

_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_MOST = 2**22
"""Entries of an array, bytes of a string."""
_CONTROL, _DEFINED = 3, 4
_DOCUMENT = "<|endoftext|>"
"""What ends a document, beside the token that ends a turn."""
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+"
)
_SPLITS: dict[str, str | None] = {
    "gpt-2": None, "default": None, "smollm": "digits", "llama-bpe": _LLAMA3, "qwen2": _LLAMA3.replace("{1,3}", ""),
}  # fmt: skip
"""`tokenizer.ggml.pre` -> how text is split before byte pairs are merged: GPT-2's way, digits apart, or a pattern."""


def metadata(path: Path) -> dict[str, Any]:
    """The key-value pairs of a GGUF file."""
    with path.open("rb") as file:
        try:
            magic, version, _, count = struct.unpack("<4sIQQ", file.read(24))
            if magic != b"GGUF" or version not in (2, 3) or count > 10_000:
                raise BundleError("not a GGUF file", where=str(path), seen=(magic, version), allowed="GGUF, version 3")
            return {_string(file): _value(file, *struct.unpack("<I", file.read(4))) for _ in range(count)}
        except (struct.error, KeyError, UnicodeDecodeError, ValueError) as error:
            raise BundleError(f"the GGUF file is damaged: {error}", where=str(path)) from error


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        inner, count = struct.unpack("<IQ", file.read(12))
        if count > _MOST:
            raise ValueError(f"an array of {count} entries")
        return [_value(file, inner) for _ in range(count)]
    layout = _NUMBERS[kind]
    return struct.unpack(layout, file.read(struct.calcsize(layout)))[0]


def _string(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > _MOST:
        raise ValueError(f"a string of {length} bytes")
    return file.read(length).decode("utf-8")


def tokenizer(known: Mapping[str, Any], where: str = "") -> Any:
    """The `tokenizers.Tokenizer` that a file's metadata describes; byte-level byte pairs only."""
    from tokenizers import AddedToken, Tokenizer, decoders, models

    pre = str(known.get("tokenizer.ggml.pre", "default"))
    if known.get("tokenizer.ggml.model") != "gpt2" or pre not in _SPLITS:
        raise BundleError(
            "this tokenizer is not known", where=where, seen=(known.get("tokenizer.ggml.model"), pre),
            allowed=[f"gpt2, {name}" for name in _SPLITS],
        )  # fmt: skip
    tokens, types = known["tokenizer.ggml.tokens"], known["tokenizer.ggml.token_type"]
    merges = [tuple(pair.split(" ", 1)) for pair in known["tokenizer.ggml.merges"]]
    made = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    made.pre_tokenizer = _splitting(_SPLITS[pre])
    made.decoder = decoders.ByteLevel()
    of = {kind: [t for t, found in zip(tokens, types, strict=True) if found == kind] for kind in (_CONTROL, _DEFINED)}
    made.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in of[_CONTROL]])
    made.add_tokens([AddedToken(token, normalized=False) for token in of[_DEFINED]])
    return made


def _splitting(how: str | None) -> Any:
    from tokenizers import Regex, pre_tokenizers

    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=how in (None, "digits"))
    if how is None:
        return bytes_
    first = pre_tokenizers.Digits(True) if how == "digits" else pre_tokenizers.Split(Regex(how), "isolated")
    return pre_tokenizers.Sequence([first, bytes_])


def split_of(tokenizer: str, where: str = "") -> str:
    """The name (`tokenizer.ggml.pre`) of how a tokenizer, given as tokenizer.json, splits text."""
    from tokenizers import Tokenizer

    def form(of: str) -> Any:
        parts = json.loads(of)["pre_tokenizer"]
        many = parts["pretokenizers"] if parts and parts["type"] == "Sequence" else [parts]
        return [{k: v for k, v in (part or {}).items() if k != "trim_offsets"} for part in many]

    made = Tokenizer.from_str(tokenizer)
    wanted = form(tokenizer)
    for name, how in _SPLITS.items():
        made.pre_tokenizer = _splitting(how)
        if form(made.to_str()) == wanted:
            return name
    raise BundleError("how this tokenizer splits text is not known", where=where, seen=wanted, allowed=list(_SPLITS))


def template(known: Mapping[str, Any]) -> dict[str, str] | None:
    """The chat template, as resource `template` has it."""
    source = known.get("tokenizer.chat_template")
    if not source:
        return None
    names = {f"{name}_token": _token(known, f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")}
    return {"template": str(source), **names}


def edges(known: Mapping[str, Any]) -> dict[str, list[int]]:
    """`first` and `ends` of `sampling.generate.v1`."""
    bos, eos = known.get("tokenizer.ggml.bos_token_id"), known.get("tokenizer.ggml.eos_token_id")
    turn = known.get("tokenizer.ggml.eot_token_id")
    plain = [i for i, token in enumerate(known["tokenizer.ggml.tokens"][:8]) if token == _DOCUMENT]
    begins = [int(bos)] if bos is not None and known.get("tokenizer.ggml.add_bos_token") else []
    return {"first": begins, "ends": list(dict.fromkeys(int(i) for i in (eos, turn, *plain) if i is not None))}


def _token(known: Mapping[str, Any], key: str) -> str:
    return str(known["tokenizer.ggml.tokens"][known[key]]) if key in known else ""
