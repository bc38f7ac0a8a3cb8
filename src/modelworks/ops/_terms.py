"""Terms of a text, by which BM25 finds it."""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections.abc import Callable

import numpy as np

from modelworks.ops._words import LONGEST, spell_words

_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")


def terms(text: str, stemmer: str = "") -> list[str]:
    """Words (`split_words`) that hold a letter or digit, in compatibility form and folded case, and without their
    ending when `stemmer` names a language of Snowball (Porter 2001). A word of a script without spaces gives its
    pairs of characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    stem = _stem(stemmer)
    found: list[str] = []
    for word in spell_words(folded):
        if word.isascii():
            if any(map(str.isalnum, word)):
                found.append(stem(word[:LONGEST].strip("_")))
        elif any(map(str.isalnum, word)):
            found.extend(_pairs(word[:LONGEST]) if _unspaced(word) else [stem(word[:LONGEST])])
    return found


def hashes(words: list[str]) -> np.ndarray:
    """Uint64 [T]: the first eight bytes of BLAKE2b of each term."""
    return np.array([_hash(word) for word in words], dtype=np.uint64)


@functools.lru_cache(maxsize=200_000)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _pairs(word: str) -> list[str]:
    return [word[n : n + 2] for n in range(len(word) - 1)] or [word]


@functools.lru_cache(maxsize=65536)
def _unspaced(word: str) -> bool:
    return unicodedata.name(word[0], "").startswith(_WITHOUT_SPACES)


@functools.cache
def _stem(language: str) -> Callable[[str], str]:
    if not language:
        return str
    import snowballstemmer  # type: ignore[import-untyped, unused-ignore]

    return functools.lru_cache(maxsize=200_000)(snowballstemmer.stemmer(language).stemWord)
