"""Bags of n-grams and word shapes: what compact networks read. Hashes are CRC-32 of UTF-8, equal everywhere."""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Sequence

import numpy as np

from modelworks.contracts.op import Tools, op

_TOKEN = re.compile(r"\w+|[^\w\s]")


@op("ngrams.words.v1", rowwise=True)
def words(tools: Tools, texts: Sequence[str], *, longest: int = 2, vocabulary: str = "words") -> list[np.ndarray]:
    """Positions int64 [T] of each text's word n-grams (1 … `longest` words, lower case, each once, sorted) in the
    resource `vocabulary`: a sorted uint32 array of hashes. N-grams outside of it are left out."""
    known = tools.resource(vocabulary)
    return [_positions(word_hashes(text, longest), known) for text in texts]


@op("ngrams.characters.v1", rowwise=True)
def characters(
    tools: Tools, texts: Sequence[str], *, shortest: int = 2, longest: int = 5, vocabulary: str = "characters"
) -> list[np.ndarray]:
    """The same for runs of `shortest` … `longest` characters inside words, each word between two blanks."""
    known = tools.resource(vocabulary)
    return [_positions(character_hashes(text, shortest, longest), known) for text in texts]


def word_hashes(text: str, longest: int) -> np.ndarray:
    """Sorted unique uint32 hashes of a text's word n-grams. A word is a run of letters, digits and `_`, or any other
    character that is not blank."""
    tokens = [token.encode("utf-8", "replace") for token in _TOKEN.findall(text.lower())]
    grams = [
        b" ".join(tokens[start : start + size])
        for size in range(1, longest + 1)
        for start in range(len(tokens) - size + 1)
    ]
    return np.unique(np.array([zlib.crc32(gram) for gram in grams], dtype=np.uint32))


def character_hashes(text: str, shortest: int, longest: int) -> np.ndarray:
    """Sorted unique uint32 hashes of a text's character n-grams. A word is what lies between blanks."""
    found = [_inside(word, shortest, longest) for word in set(text.lower().split())]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.uint32)


@functools.lru_cache(maxsize=2**16)
def _inside(word: str, shortest: int, longest: int) -> np.ndarray:
    # A very long "word" is no word, and the cache must not keep it whole.
    padded = f" {word[:256]} "
    grams = {
        padded[start : start + size] for size in range(shortest, longest + 1) for start in range(len(padded) - size + 1)
    }
    return np.array([zlib.crc32(gram.encode("utf-8", "replace")) for gram in sorted(grams)], dtype=np.uint32)


def _positions(hashes: np.ndarray, known: np.ndarray) -> np.ndarray:
    if not len(known):
        return np.empty(0, np.int64)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return places[known[places] == hashes].astype(np.int64)


@op("ngrams.features.v1", rowwise=True)
def features(tools: Tools, rows: Sequence[Sequence[str]], *, buckets: int = 4096) -> list[np.ndarray]:
    """Hashed features of each word, int64 [T, 6] in [1, buckets): the lower-cased word, its first 3 letters, its
    last 3, its last 2, its shape (`Xxxd`), and the word as it is (Honnibal 2017, spaCy's MultiHashEmbed)."""
    return [
        np.stack([_features(word, buckets) for word in words]) if words else np.zeros((0, 6), np.int64)
        for words in rows
    ]


@functools.lru_cache(maxsize=2**16)
def _features(word: str, buckets: int) -> np.ndarray:
    word = word[:256]
    lower = word.lower()
    parts = (lower, lower[:3], lower[-3:], lower[-2:], _shape(word), word)
    hashes = [zlib.crc32(f"{column}:{part}".encode("utf-8", "replace")) for column, part in enumerate(parts)]
    return np.array(hashes, np.int64) % (buckets - 1) + 1


def _shape(word: str) -> str:
    """Letters as X and x, digits as d, others as they are; at most 4 alike in a row."""
    letters = "".join("X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word)
    return re.sub(r"(.)\1{4,}", lambda match: match[1] * 4, letters)
