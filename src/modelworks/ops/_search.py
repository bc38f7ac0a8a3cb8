"""Searching a collection by words and by meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelworks.contracts.collection import Collection, Segment
from modelworks.kinds import Hit
from modelworks.ops._terms import hashes, terms

_BLOCK = 65536
"""Passages whose vectors are multiplied at a time."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What of a search can be set: `hits.search.v1`."""

    most: int
    weight: float
    k1: float
    b: float
    floor: float


def search(collection: Collection, queries: Sequence[str], vectors: np.ndarray, wish: Wish) -> list[tuple[Hit, ...]]:
    """The best documents of each query, best first."""
    asked = [hashes(terms(query, collection.stemmer)) for query in queries]
    total = sum(len(segment.lengths) for segment in collection.segments)
    if not total:
        return [()] * len(queries)
    average = sum(float(segment.lengths.sum()) for segment in collection.segments) / total
    weights = _importance(collection.segments, asked, total)
    best: list[list[tuple[float, int, int, int]]] = [[] for _ in queries]
    for number, segment in enumerate(collection.segments):
        near = _meaning(segment, np.asarray(vectors, dtype=np.float32))
        nearest = np.maximum.reduceat(near, np.asarray(segment.firsts[:-1]), axis=1)
        for row, (words, known) in enumerate(zip(asked, weights, strict=True)):
            scores = wish.weight * np.clip(nearest[row], 0, 1)
            scores += (1 - wish.weight) * _words(segment, words, known, average, wish)
            for place in _highest(scores, wish.most):
                first, end = int(segment.firsts[place]), int(segment.firsts[place + 1])
                best[row].append((-float(scores[place]), number, place, first + int(near[row, first:end].argmax())))
    return [_hits(collection, sorted(row)[: wish.most], wish.floor) for row in best]


def _meaning(segment: Segment, queries: np.ndarray) -> np.ndarray:
    """Cosine of each query and passage, float32 [B, P]."""
    count = len(segment.vectors)
    scores = np.empty((len(queries), count), dtype=np.float32)
    for start in range(0, count, _BLOCK):
        block = segment.vectors[start : start + _BLOCK].astype(np.float32)
        for row, query in enumerate(queries):  # a product with one query at a time: its bits must not depend on others
            scores[row, start : start + len(block)] = block @ query
    return scores


def _importance(segments: Sequence[Segment], asked: Sequence[np.ndarray], total: int) -> list[dict[int, float]]:
    """For each query its terms with their weight (Robertson and Spärck Jones, with Lucene's 1 inside the logarithm)."""
    known: dict[int, float] = {}
    for word in {int(word) for words in asked for word in words}:
        having = sum(stop - start for start, stop in (_place(segment, word) for segment in segments))
        known[word] = float(np.log(1 + (total - having + 0.5) / (having + 0.5)))
    return [{int(word): known[int(word)] for word in words} for words in asked]


def _words(segment: Segment, asked: np.ndarray, known: dict[int, float], average: float, wish: Wish) -> np.ndarray:
    """BM25 (Robertson et al. 1994) of each document as a share of the most the query could reach, float64 [N]."""
    scores = np.zeros(len(segment.lengths))
    times = Counter(asked.tolist())
    most = sum(known[word] * count for word, count in times.items()) * (wish.k1 + 1)
    if not most:
        return scores
    for word, count in times.items():
        start, stop = _place(segment, word)
        where, often = segment.postings[start:stop], segment.counts[start:stop].astype(np.float64)
        room = wish.k1 * (1 - wish.b + wish.b * segment.lengths[where] / average)
        scores[where] += known[word] * count * often * (wish.k1 + 1) / (often + room)
    return np.asarray(scores / most)


def _place(segment: Segment, word: int) -> tuple[int, int]:
    """Where a term's postings lie."""
    at = int(np.searchsorted(segment.terms, np.uint64(word)))
    if at == len(segment.terms) or int(segment.terms[at]) != word:
        return 0, 0
    return int(segment.offsets[at]), int(segment.offsets[at + 1])


def _highest(scores: np.ndarray, most: int) -> list[int]:
    """Places of the highest scores; of equal ones the first."""
    if len(scores) > 4 * most:
        edge = np.partition(scores, len(scores) - most)[len(scores) - most]
        kept = np.flatnonzero(scores >= edge)
        return [int(place) for place in kept[np.argsort(-scores[kept], kind="stable")][:most]]
    return [int(place) for place in np.argsort(-scores, kind="stable")[:most]]


def _hits(collection: Collection, found: Sequence[tuple[float, int, int, int]], floor: float) -> tuple[Hit, ...]:
    hits = []
    for score, segment, number, passage in found:
        if -score < floor:
            break
        name, title, text = collection.document(segment, number)
        start, end = (int(edge) for edge in collection.segments[segment].places[passage])
        hits.append(Hit(name, round(-score, 6), title, text[start:end], start))
    return tuple(hits)
