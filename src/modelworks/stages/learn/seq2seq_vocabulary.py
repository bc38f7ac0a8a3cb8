"""Subword vocabularies of an encoder-decoder, trained on the data; target texts as their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from modelworks.core.files import write_bytes
from modelworks.stages.learn.seq2seq_copies import Hidden, alike

PAD, UNKNOWN, START, END = range(4)
SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
SPACE = "▁"
Rows = Sequence[Mapping[str, Any]]


def learn(
    texts: Iterable[str], path: Path, *, size: int, model: Literal["bpe", "unigram"], lower: bool, alphabet: int
) -> Tokenizer:
    """Train a tokenizer and write it as tokenizer.json; its texts end in `</s>`.

    Args:
        size: most subwords.
        model: byte-pair encoding (Sennrich et al. 2016) or a unigram language model (Kudo 2018).
        lower: letter case is dropped.
        alphabet: most characters that are known; all others are `<unk>`, a run of them one.
    """
    tokenizer = _untrained(model, lower)
    special = [AddedToken(token, special=True, normalized=False) for token in SPECIAL]
    trainer: Any
    if model == "bpe":
        trainer = trainers.BpeTrainer(
            vocab_size=size, special_tokens=special, show_progress=False, min_frequency=2, limit_alphabet=alphabet
        )
    else:
        trainer = trainers.UnigramTrainer(
            vocab_size=size, special_tokens=special, show_progress=False, unk_token=SPECIAL[UNKNOWN]
        )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {SPECIAL[END]}", special_tokens=[(SPECIAL[END], END)]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, tokenizer.to_str(pretty=True).encode())
    return tokenizer


def _untrained(model: str, lower: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[UNKNOWN], fuse_unk=True) if model == "bpe" else models.Unigram())
    steps: list[Any] = [normalizers.NFKC(), *([normalizers.Lowercase()] if lower else [])]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always"),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    return tokenizer


def numbered(rows: Rows, source: Tokenizer, target: Tokenizer, most: int) -> list[dict[str, Any]]:
    """Rows with `text` and `references` -> a row for each reference, with its ids `target` int64 [T], which end in the
    tokenizer's last special token, and `alike`: what to replace by what on both sides to make a word unknown."""
    pairs = [(row, text) for row in rows for text in row["references"]]
    encoded = target.encode_batch([text for _, text in pairs])
    spaces = [tokenizer.token_to_id(SPACE) for tokenizer in (source, target)]
    made = []
    for (row, text), encoding in zip(pairs, encoded, strict=True):
        ids = np.array(encoding.ids, dtype=np.int64)
        if len(ids) > most:
            ids = np.append(ids[: most - 1], ids[-1:])
        sides = ((row["text"], row["units"].tolist()), (text, encoding.offsets[: len(ids) - 1]))
        same = [
            tuple(Hidden(one, space, UNKNOWN) for one, space in zip(pair, spaces, strict=True))
            for pair in alike(*sides)
        ]
        made.append({"ids": row["ids"], "target": ids, "alike": same})
    return made
