"""Words of sentences as feeds of a network: which rows they come from, how they lie in a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

MULTIPLE = 4
"""Padded lengths are multiples of it: kernels add in fours (docs/decisions/0003-same-bytes.md)."""


class Piece(NamedTuple):
    """Words [start, end) of a row: one sentence."""

    row: int
    start: int
    end: int


def pieces(tokens: Sequence[np.ndarray], sentences: Sequence[np.ndarray]) -> list[Piece]:
    """The sentences of all rows, from `tokens` int [T, 3] (the last column: words a token) and `sentences` int [S]
    (tokens a sentence)."""
    found = []
    for row, (units, sizes) in enumerate(zip(tokens, sentences, strict=True)):
        words = np.concatenate([[0], np.cumsum(units[:, 2])])
        borders = words[np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)].tolist()
        found += [Piece(row, a, b) for a, b in pairwise(borders)]
    return found


def limited(tokens: np.ndarray, sentences: np.ndarray, most: int) -> np.ndarray:
    """Tokens a sentence, int32, where no sentence has over `most` words: longer ones end early, at a token."""
    made: list[int] = []
    at = 0
    for size in sentences.tolist():
        many = tokens[at : at + size, 2]
        at += size
        if many.sum() <= most:
            made.append(size)
            continue
        words = count = 0
        for more in many.tolist():
            if count and words + more > most:
                made.append(count)
                words = count = 0
            words, count = words + more, count + 1
        made.append(count)
    return np.array(made, dtype=np.int32)


def batches(lengths: Sequence[int], budget: int, most: int) -> Iterator[list[int]]:
    """Indices of sentences of like length, at most `most` a batch and `budget` padded words."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == most or (len(batch) + 1) * padded(lengths[index]) > budget):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def padded(length: int) -> int:
    """The length to which a sentence is filled up when it is the longest."""
    return -(-max(1, length) // MULTIPLE) * MULTIPLE


def stacked(rows: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Arrays [T, …] as one [B, size, …], filled up with 0."""
    batch = np.zeros((len(rows), size, *rows[0].shape[1:]), dtype=rows[0].dtype)
    for place, row in zip(batch, rows, strict=True):
        place[: len(row)] = row
    return batch


def framed(
    subwords: Sequence[np.ndarray], *, room: int, first: int | None, last: int | None, pad: int
) -> dict[str, np.ndarray]:
    """Feeds of an encoder over the subwords of words, int64 [W, P] (-1 for none) of each sentence: `input_ids` [B, S]
    with the special ids `first` and `last`, and `owners` [B, S]: the number of the word from 1, 0 for what belongs to
    none. Of a sentence with over `room` positions each word keeps only its first subwords."""
    before, after = int(first is not None), int(last is not None)
    cut = [_fitting(row, room - before - after) for row in subwords]
    lengths = [int((row >= 0).sum()) + before + after for row in cut]
    size = padded(max(lengths))
    ids, owners = np.full((len(cut), size), pad, np.int64), np.zeros((len(cut), size), np.int64)
    for place, owner, row, length in zip(ids, owners, cut, lengths, strict=True):
        there, end = row >= 0, length - after
        place[before:end] = row[there]
        owner[before:end] = there.nonzero()[0] + 1
        if first is not None:
            place[0] = first
        if last is not None:
            place[end] = last
    shown = (np.arange(size) < np.array(lengths)[:, None]).astype(np.int64)
    return {"input_ids": ids, "owners": owners, "subword_mask": shown}


def _fitting(row: np.ndarray, room: int) -> np.ndarray:
    return row if int((row >= 0).sum()) <= room else row[:, : max(1, room // len(row))]
