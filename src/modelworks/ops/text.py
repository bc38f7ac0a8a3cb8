"""Text: limits, words, subwords. Offsets are int32 [T, 2] code points [start, end) of the raw text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.core.errors import RequestError
from modelworks.ops._grams import known_ngrams, ngram_hashes, word_grams
from modelworks.ops._words import LONGEST, capitals, normal_word, split_words, word_of_units, word_shape

__all__ = ["ngram_hashes", "normal_word", "split_words", "word_of_units", "word_shape"]
"""What families need to make vocabularies, and tasks to encode targets, by the same rules."""


@op("text.limit.v1", rowwise=True)
def limit(tools: Tools, texts: Sequence[str], *, max_characters: int = 100_000) -> list[str]:
    """Texts as they are; RequestError 413 for one over `max_characters` code points, 422 for half a surrogate pair."""
    for text in texts:
        if len(text) > max_characters:
            raise RequestError(
                "the text is too long", status=413, where="text", seen=f"{len(text)} characters",
                allowed=f"at most {max_characters} characters", hint="send it in parts",
            )  # fmt: skip
        if not text.isascii():
            _refuse_surrogates(text)
    return list(texts)


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RequestError(
            "the text holds half a surrogate pair, which is no character", status=422, where=f"text[{error.start}]",
            seen=f"U+{ord(text[error.start]):04X}", allowed="Unicode text",
        ) from error  # fmt: skip


@op("text.tokenize.v1", rowwise=True)
def tokenize(
    tools: Tools, texts: Sequence[str], *, tokenizer: str = "tokenizer", max_length: int | None = None
) -> list[np.ndarray]:
    """Subword ids int64 [T] of each text, special tokens included; from resource `tokenizer` (tokenizer.json).

    Over `max_length`, the tail of the text is cut; the special tokens that end the sequence stay."""
    encodings = plain_tokenizer(tools.resource(tokenizer)).encode_batch_fast(list(texts))
    return [_truncated(encoding, max_length) for encoding in encodings]


def _truncated(encoding: Any, max_length: int | None) -> np.ndarray:
    ids = np.array(encoding.ids, dtype=np.int64)
    if max_length is None or len(ids) <= max_length:
        return ids
    special = encoding.special_tokens_mask
    ending = next((n for n, flag in enumerate(reversed(special)) if not flag), len(special))
    return np.concatenate([ids[: max_length - ending], ids[len(ids) - ending :]])


@op("text.subwords.v1", rowwise=True)
def subwords(
    tools: Tools, texts: Sequence[str], *, tokenizer: str = "tokenizer"
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Subword ids int64 [T] and their offsets int32 [T, 2], without special tokens, never cut (`graph.windows.v1`
    reads any length). Offsets point into the raw text, whatever the tokenizer's normalizer does."""
    encodings = plain_tokenizer(tools.resource(tokenizer)).encode_batch(list(texts), add_special_tokens=False)
    ids = [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]
    return ids, [np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2) for encoding in encodings]


def plain_tokenizer(tokenizer: Any) -> Any:
    """The tokenizer without the padding and truncation its file may ask for: rows must not depend on each other."""
    if tokenizer.padding is not None:
        tokenizer.no_padding()
    if tokenizer.truncation is not None:
        tokenizer.no_truncation()
    return tokenizer


@op("text.words.v1", rowwise=True)
def words(tools: Tools, texts: Sequence[str]) -> tuple[list[list[str]], list[np.ndarray]]:
    """Words of each text and their offsets int32 [T, 2]; `split_words` has the rule."""
    units = [split_words(text) for text in texts]
    return [[text[a:b] for a, b in rows.tolist()] for text, rows in zip(texts, units, strict=True)], units


@op("text.shape.v1", rowwise=True)
def shape(tools: Tools, texts: Sequence[str], units: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What an uncased tokenizer forgets, int64 [T, 2] for the units of each text: the class (`SHAPES`) of the word
    (`split_words`) in which the unit ends, and how much of the text is capitalized, 1 (hardly) to 4 (all), 0 unknown.

    Shouted or lower-cased texts are common, and there a capital says little: hence the second number."""
    return [shapes(text, split_words(text), rows) for text, rows in zip(texts, units, strict=True)]


def shapes(text: str, words: np.ndarray, units: np.ndarray) -> np.ndarray:
    """What `text.shape.v1` says of units, given the offsets of the words."""
    spelled = [text[a:b] for a, b in words.tolist()]
    classes = np.array([*(word_shape(word[:LONGEST]) for word in spelled), 0], dtype=np.int64)
    of_units = classes[word_of_units(words, units)]
    return np.stack([of_units, np.full(len(units), capitals(spelled))], axis=1)


@op("text.lookup.v1", rowwise=True)
def lookup(
    tools: Tools, words: Sequence[Sequence[str]], *, vocabulary: str = "vocabulary", unknown: int = 1
) -> list[np.ndarray]:
    """Ids int64 [T] of the words of each text: `normal_word` looked up in the JSON object {word: id} that resource
    `vocabulary` holds; `unknown` for others."""
    ids = tools.resource(vocabulary)
    return [np.array([ids.get(normal_word(word), unknown) for word in row], dtype=np.int64) for row in words]


@op("text.grams.v1", rowwise=True)
def grams(
    tools: Tools, words: Sequence[Sequence[str]], *, buckets: int, shortest: int = 2, longest: int = 4, most: int = 24
) -> list[np.ndarray]:
    """Character n-grams of each word, hashed: int64 [T, most], 1 to `buckets`, filled up with 0.

    A word is `^word$` in its own casing with digits `0` (`<url>`, `<user>` as in `normal_word`); a gram's id is
    CRC-32 of its UTF-8 modulo `buckets`, plus 1. Shorter grams first; of more than `most` the first and last halves
    stay, which keeps both ends of a word."""
    nothing = np.empty((0, most), dtype=np.int64)
    found = ([word_grams(word[:LONGEST], buckets, shortest, longest, most) for word in row] for row in words)
    return [np.stack(row) if row else nothing for row in found]


@op("text.ngrams.v1", rowwise=True)
def ngrams(
    tools: Tools, texts: Sequence[str], *, word_vocabulary: str = "words", character_vocabulary: str = "characters",
    words: Sequence[int] = (1, 2), characters: Sequence[int] = (2, 5), negations: Sequence[str] = (), reach: int = 3,
) -> list[np.ndarray]:  # fmt: skip
    """Which known n-grams a text holds, sorted unique int32 [T]: positions of its n-grams of words (`w:` of
    `ngram_hashes`) in resource `word_vocabulary`, and then, counted on from its length, positions of its n-grams of
    characters (`c:`) in resource `character_vocabulary`. Both are sorted uint32 arrays; what they lack is left out.
    Words that one of `negations` denies, within its `reach`, are other words."""
    known = (tools.resource(word_vocabulary), tools.resource(character_vocabulary))
    return known_ngrams(texts, known, words, characters, negations, reach)
