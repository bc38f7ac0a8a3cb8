"""Hashed n-grams. The hash is CRC-32 of UTF-8, equal everywhere and for ever."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence

import numpy as np

from modelworks.ops._words import LONGEST, normal_word, split_words, zero_digits

CACHED = 65536
"""Words whose grams are remembered: most words of a text are old acquaintances."""


def ngram_hashes(text: str, words: Sequence[int] = (1, 2), characters: Sequence[int] = (2, 5)) -> np.ndarray:
    """Sorted unique uint32 CRC-32 of the n-grams of a lower-cased text: `w:` and n words with blanks between, n from
    words[0] to words[1]; `c:` and n characters of a word with a blank on either side. Words as `split_words` has
    them, of each its first 256 characters."""
    lowered = text.lower()
    spelled = [lowered[a : min(b, a + LONGEST)] for a, b in split_words(lowered).tolist()]
    found: set[int] = set()
    for n in range(words[0], words[1] + 1):
        found.update(zlib.crc32(f"w:{' '.join(spelled[i : i + n])}".encode()) for i in range(len(spelled) - n + 1))
    for word in set(spelled):
        found |= _inside(word, characters[0], characters[1])
    return np.sort(np.fromiter(found, dtype=np.uint32, count=len(found)))


@functools.lru_cache(maxsize=CACHED)
def _inside(word: str, shortest: int, longest: int) -> frozenset[int]:
    framed = f" {word} "
    return frozenset(
        zlib.crc32(f"c:{framed[i : i + n]}".encode())
        for n in range(shortest, longest + 1)
        for i in range(len(framed) - n + 1)
    )


def positions(hashes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Int32 positions in `known` (sorted) of the hashes it holds."""
    if not len(known):
        return np.empty(0, dtype=np.int32)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.asarray(at[known[at] == hashes], dtype=np.int32)


@functools.lru_cache(maxsize=CACHED)
def word_grams(word: str, buckets: int, shortest: int, longest: int, most: int) -> tuple[int, ...]:
    """What `text.grams.v1` gives for one word."""
    normal = normal_word(word)
    framed = f"^{normal if normal in ('<url>', '<user>') else zero_digits(word)}$"
    found = [
        zlib.crc32(framed[i : i + n].encode()) % buckets + 1
        for n in range(shortest, longest + 1)
        for i in range(len(framed) - n + 1)
    ]
    if len(found) > most:
        found = found[: most // 2] + found[len(found) - (most - most // 2) :]
    return tuple(found + [0] * (most - len(found)))
