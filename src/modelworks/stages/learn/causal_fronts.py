"""Front ends of the causal family: tokenizers, chat templates and the body."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from modelworks.bundle.causal import TEMPLATE, TOKENIZER, body
from modelworks.contracts.decoder import Cache
from modelworks.contracts.family import Front, Source
from modelworks.core.errors import DataError, StepError
from modelworks.core.files import write_bytes
from modelworks.kinds import Example, Prompt
from modelworks.stages.learn import base

EDGE, UNKNOWN = "<|edge|>", "<|unknown|>"
"""What begins every window and ends every document, and a character that training never saw (compact networks)."""


def texts(examples: Iterable[Example]) -> Iterator[str]:
    """The texts of prompts, and of messages."""
    for example in examples:
        assert isinstance(example.input, Prompt)
        yield example.input.text
        yield from (message.content for message in example.input.messages)


def train_tokenizer(examples: Iterable[Example], units: str, vocabulary: int, folder: Path) -> int:
    """Write the tokenizer of a compact network; how many tokens it knows."""
    tokenizer = {"characters": _characters, "bytes": _bytes, "subwords": _subwords}[units](texts(examples), vocabulary)
    (folder / "resources").mkdir(parents=True, exist_ok=True)
    write_bytes(folder / TOKENIZER.file, tokenizer.to_str().encode())
    return int(tokenizer.get_vocab_size())


def _characters(given: Iterator[str], vocabulary: int) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    known: set[str] = set()
    for text in given:
        known.update(text)
    if not known:
        raise DataError("the training texts are empty", where="dataset", allowed="some text")
    ids = {token: number for number, token in enumerate((EDGE, UNKNOWN, *sorted(known)))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([EDGE, UNKNOWN])
    return tokenizer


def _bytes(given: Iterator[str], vocabulary: int) -> Any:
    return _byte_level(iter(()), 256 + 1)


def _subwords(given: Iterator[str], vocabulary: int) -> Any:
    return _byte_level(given, vocabulary)


def _byte_level(given: Iterator[str], vocabulary: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[EDGE], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(given, trainer)
    return tokenizer


def copy_tokenizer(source: Source, folder: Path) -> dict[str, Any]:
    """Write a checkpoint's tokenizer and chat template; its configuration, and the ids that begin and end texts."""
    assert source.folder is not None
    for name in ("tokenizer.json", "config.json"):
        if not (source.folder / name).is_file():
            raise StepError(
                f"the pretrained model has no {name}", where=str(source.folder),
                seen=sorted(path.name for path in source.folder.iterdir())[:12],
                hint="AutoTokenizer.from_pretrained(…).save_pretrained(folder) writes tokenizer.json",
            )  # fmt: skip
    config = json.loads((source.folder / "config.json").read_text("utf-8"))
    known = json.loads((source.folder / "tokenizer.json").read_text("utf-8"))
    (folder / "resources").mkdir(parents=True, exist_ok=True)
    write_bytes(folder / TOKENIZER.file, json.dumps(_untrimmed(known), ensure_ascii=False).encode())
    ids = {token["content"]: token["id"] for token in known.get("added_tokens", ())}
    asked = _read(source.folder / "tokenizer_config.json")
    template = _template(source.folder, asked)
    if template is not None:
        base.write_json(folder / TEMPLATE.file, template)
    begin = ids.get(_name(asked.get("bos_token"))) if asked.get("add_bos_token") else None
    ends = _ends(config, _read(source.folder / "generation_config.json"), ids.get(_name(asked.get("eos_token"))))
    return {"config": config, "first": [begin] if begin is not None else [], "ends": ends, "template": template}


def _untrimmed(value: Any) -> Any:
    """Byte-level parts of a tokenizer that count a token's blank as its own, so that tokens add up to the text."""
    if isinstance(value, dict):
        return {key: False if key == "trim_offsets" else _untrimmed(inner) for key, inner in value.items()}
    return [_untrimmed(inner) for inner in value] if isinstance(value, list) else value


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def _name(token: Any) -> str:
    return str(token["content"]) if isinstance(token, dict) else str(token or "")


def _ends(config: Mapping[str, Any], generation: Mapping[str, Any], end: int | None) -> list[int]:
    given = generation.get("eos_token_id", config.get("eos_token_id"))
    many = given if isinstance(given, list) else [given]
    return [*dict.fromkeys(int(one) for one in (end, *many) if one is not None)]


def _template(folder: Path, asked: Mapping[str, Any]) -> dict[str, str] | None:
    file = folder / "chat_template.jinja"
    template = file.read_text("utf-8") if file.is_file() else asked.get("chat_template")
    if isinstance(template, list):  # several, by name
        template = next((one["template"] for one in template if one.get("name") == "default"), None)
    if not isinstance(template, str):
        return None
    return {"template": template, **{name: _name(asked.get(name)) for name in ("bos_token", "eos_token")}}


def front(cache: Cache, first: list[int], ends: list[int], template: bool) -> Front:
    """The body of a decoder with a cache, and its resources."""
    params: dict[str, Any] = {"first": first, "ends": ends}
    params["cache"] = {"vocabulary": cache.vocabulary, "context": cache.context,
                       "states": {name: list(shape) for name, shape in cache.states.items()}}  # fmt: skip
    return Front(body=body(params, template=template), resources=(TOKENIZER, *([TEMPLATE] if template else [])))
