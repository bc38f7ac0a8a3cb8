"""Hashed n-grams. The hash is CRC-32 of UTF-8, equal everywhere and for ever."""

from __future__ import annotations

import functools
import weakref
import zlib
from collections.abc import Sequence

import numpy as np

from modelworks.ops._words import LONGEST, normal_word, split_words, zero_digits

CACHED = 16384
"""Words whose grams are remembered: most words of a text are old acquaintances."""


def ngram_hashes(text: str, words: Sequence[int] = (1, 2), characters: Sequence[int] = (2, 5)) -> np.ndarray:
    """Sorted unique uint32 CRC-32 of the n-grams of a lower-cased text: `w:` and n words with blanks between, n from
    words[0] to words[1]; `c:` and n characters of a word with a blank on either side. Words as `split_words` has
    them, of each its first 256 characters."""
    spelled = _spelled(text)
    found = set(_outside(spelled, *words))
    for word in set(spelled):
        found |= _inside_again(word, *characters)
    return np.sort(np.fromiter(found, dtype=np.uint32, count=len(found)))


def known_ngrams(text: str, words: Sequence[int], characters: Sequence[int], known: np.ndarray) -> np.ndarray:
    """Sorted unique int32 positions of `ngram_hashes` in `known`, sorted uint32; those it lacks are left out."""
    spelled = _spelled(text)
    shortest, longest = characters
    places = _places(known)
    known = np.asarray(known)  # a memory map is slow to index
    found = [_positions(_outside(spelled, *words), known)]
    for word in set(spelled):
        key = (word, shortest, longest)
        place = places.get(key)
        if place is None:
            if len(places) >= CACHED:
                places.clear()
            place = places[key] = _positions(list(_inside(word, shortest, longest)), known)
        found.append(place)
    ordered = np.sort(np.concatenate(found))
    fresh = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    return ordered[fresh]  # np.unique hashes first, and takes three times as long


def _spelled(text: str) -> list[str]:
    lowered = text.lower()
    return [lowered[a : min(b, a + LONGEST)] for a, b in split_words(lowered).tolist()]


def _outside(words: Sequence[str], shortest: int, longest: int) -> list[int]:
    tails = [f" {word}".encode() for word in words]
    hashes = [zlib.crc32(f"w:{word}".encode()) for word in words]
    found = hashes if shortest <= 1 <= longest else []
    for n in range(2, longest + 1):
        # CRC-32 goes on where it stopped: n words are n - 1 words and one more.
        hashes = [zlib.crc32(tail, start) for tail, start in zip(tails[n - 1 :], hashes, strict=False)]
        if n >= shortest:
            found = found + hashes
    return found


def _inside(word: str, shortest: int, longest: int) -> frozenset[int]:
    framed = f" {word} "
    return frozenset(
        zlib.crc32(f"c:{framed[i : i + n]}".encode())
        for n in range(shortest, longest + 1)
        for i in range(len(framed) - n + 1)
    )


_inside_again = functools.lru_cache(maxsize=CACHED)(_inside)


def _positions(hashes: Sequence[int], known: np.ndarray) -> np.ndarray:
    if not len(known):
        return np.empty(0, dtype=np.int32)
    wanted = np.array(hashes, dtype=np.uint32)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.asarray(at[known[at] == wanted], dtype=np.int32)


Places = dict[tuple[str, int, int], np.ndarray]
_remembered: dict[int, tuple[weakref.ref[np.ndarray], Places]] = {}


def _places(known: np.ndarray) -> Places:
    """Words met before -> positions of their grams in this very array."""
    name = id(known)
    entry = _remembered.get(name)
    if entry is None or entry[0]() is not known:
        entry = _remembered[name] = (weakref.ref(known, lambda _: _remembered.pop(name, None)), {})
    return entry[1]


@functools.lru_cache(maxsize=CACHED)
def word_grams(word: str, buckets: int, shortest: int, longest: int, most: int) -> np.ndarray:
    """What `text.grams.v1` gives for one word: int64 [most]."""
    normal = normal_word(word)
    framed = f"^{normal if normal in ('<url>', '<user>') else zero_digits(word)}$"
    found = [
        zlib.crc32(framed[i : i + n].encode()) % buckets + 1
        for n in range(shortest, longest + 1)
        for i in range(len(framed) - n + 1)
    ]
    if len(found) > most:
        found = found[: most // 2] + found[len(found) - (most - most // 2) :]
    return np.array(found + [0] * (most - len(found)), dtype=np.int64)
