"""Hashed n-grams. The hash is CRC-32 of UTF-8, equal everywhere and for ever."""

from __future__ import annotations

import functools
import weakref
import zlib
from array import array
from collections.abc import Sequence

import numpy as np

from modelworks.ops._words import LONGEST, normal_word, spell_words, zero_digits

CACHED = 16384
"""Words whose grams are remembered: most words of a text are old acquaintances."""
FAMILIAR = 40
"""Characters of the longest word whose positions are remembered: longer ones hardly come again."""


DENIED = "¬"
"""Before a word that a negation denies."""


def ngram_hashes(
    text: str, words: Sequence[int] = (1, 2), characters: Sequence[int] = (2, 5), negations: Sequence[str] = (),
    reach: int = 3,
) -> np.ndarray:  # fmt: skip
    """Sorted unique uint32 CRC-32 of the n-grams of a lower-cased text: `w:` and n words with blanks between, n from
    words[0] to words[1]; `c:` and n characters of a word with a blank on either side. Words as `split_words` has
    them, of each its first 256 characters. In `w:`, up to `reach` words after one of `negations` and before the next
    sign begin with `¬` (Das and Chen 2001; Pang et al. 2002)."""
    spelled = _spelled(text)
    found = set(_outside(_marked(spelled, frozenset(negations), reach), *words))
    for word in set(spelled):
        found |= _inside_again(word, *characters)
    return np.sort(np.fromiter(found, dtype=np.uint32, count=len(found)))


def known_ngrams(
    texts: Sequence[str], known: tuple[np.ndarray, np.ndarray], words: Sequence[int], characters: Sequence[int],
    negations: Sequence[str] = (), reach: int = 3,
) -> list[np.ndarray]:  # fmt: skip
    """For each text the sorted unique int32 positions of its `w:` n-grams in `known[0]` and, counted on from there,
    of its `c:` n-grams in `known[1]`, both sorted uint32; `ngram_hashes` has the n-grams. Those that a vocabulary
    lacks are left out."""
    met, places = _memory(known, characters)
    denying = frozenset(negations)
    found = []
    for text in texts:
        spelled = _marked(_spelled(text), denying, reach)
        found.append(
            _gathered([met.get(word) or _meet(word, met, places, known, characters) for word in spelled], places, words)
        )
    return found


def _marked(words: list[str], negations: frozenset[str], reach: int) -> list[str]:
    """The words of a text, with the denied ones marked."""
    if negations.isdisjoint(words):
        return words
    found, left = [], 0
    for word in words:
        if not (word[0].isalnum() or word[0] in "'’@#_"):
            left = 0
        found.append(DENIED + word if left > 0 else word)
        left = reach if word in negations else left - 1
    return found


_BEFORE = b"\xff\xff\xff\xff"
"""Position -1, which sorts before all others."""

Word = tuple[int, bytes, int | None, bytes]
"""What is remembered of a word: hash of `w:word`, ` word`, position of that hash, positions of its `c:` n-grams
(int32)."""


def _meet(
    word: str, met: dict[str, Word], places: dict[int, int], known: tuple[np.ndarray, np.ndarray],
    characters: Sequence[int],
) -> Word:  # fmt: skip
    if len(met) >= CACHED:
        met.clear()
    alone = zlib.crc32(f"w:{word}".encode())
    bare = word.removeprefix(DENIED) or word
    inside = _positions(list(_inside(bare, *characters)), np.asarray(known[1]))  # a memory map is slow to index
    made = (alone, f" {word}".encode(), places.get(alone), (inside + np.int32(len(known[0]))).tobytes())
    if len(word) <= FAMILIAR:
        met[word] = made
    return made


def _gathered(words: Sequence[Word], places: dict[int, int], lengths: Sequence[int]) -> np.ndarray:
    if not words:
        return np.empty(0, dtype=np.int32)
    shortest, longest = lengths
    hashes: Sequence[int]
    hashes, tails, alone, inside = zip(*words, strict=True)
    outside = set(alone) if shortest <= 1 <= longest else set()
    for n in range(2, longest + 1):
        hashes = list(map(zlib.crc32, tails[n - 1 :], hashes))  # CRC-32 goes on where it stopped
        if n >= shortest:
            outside.update(map(places.get, hashes))
    outside.discard(None)
    ordered = np.frombuffer(bytearray(b"".join((_BEFORE, array("i", outside), *inside))), dtype=np.int32)
    ordered.sort()
    found = ordered[1:]
    return np.asarray(found[found != ordered[:-1]])  # np.unique hashes first, and takes far longer


def _spelled(text: str) -> list[str]:
    lowered = text.lower()
    words = spell_words(lowered)
    return words if len(lowered) <= LONGEST else [word[:LONGEST] for word in words]


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


Memory = tuple[dict[str, Word], dict[int, int]]
There = weakref.ref[np.ndarray]
_remembered: dict[tuple[int, ...], tuple[There, There, Memory]] = {}


def _memory(known: tuple[np.ndarray, np.ndarray], characters: Sequence[int]) -> Memory:
    """Of these very arrays: words met before, and hash -> position in the first."""
    words, inside = known
    key = (id(words), id(inside), *characters)
    entry = _remembered.get(key)
    if entry is None or entry[0]() is not words or entry[1]() is not inside:
        places = {gram: at for at, gram in enumerate(words.tolist())}
        entry = _remembered[key] = (_while_alive(words, key), _while_alive(inside, key), ({}, places))
    return entry[2]


def _while_alive(array: np.ndarray, key: tuple[int, ...]) -> There:
    return weakref.ref(array, lambda _: _remembered.pop(key, None))


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
