"""Question and context: subwords with what they have in common, and a graph over windows of long contexts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.ops._sentences import split_sentences
from modelworks.ops._words import (
    LONGEST,
    capitals,
    normal_word,
    spell_words,
    split_words,
    word_of_units,
    word_shape,
)

MATCHES = ("special", "question", "none", "same", "alike")
"""Classes of a position: outside of both texts, in the question, and for those of the context whether their word occurs
in the question: no, as it is, or one with the same first letters."""
ECHOES = 5
"""How much of the question a sentence of the context repeats: 0 in the question, 1 hardly to 4 most of all."""
_ALIKE = 5
"""Letters that two words share at least, to be alike."""
_TOGETHER = 16
"""Windows of long rows that run as one batch (more when more rows came)."""


@op("pair.subwords.v1", rowwise=True)
def subwords(
    tools: Tools, questions: Sequence[str], contexts: Sequence[str], *, tokenizer: str = "tokenizer", most: int = 64
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Subwords of questions int64 [Q, 5] (at most `most`) and of contexts int64 [T, 5], and the offsets of the
    latter int32 [T, 2] into the raw context. Columns: id, index into `MATCHES`, class of the word (`text.shape.v1`),
    how much of the text is capitalized, and how much of the question its sentence repeats (`ECHOES`)."""
    encode = tools.resource(tokenizer).encode_batch
    asked = encode(list(questions), add_special_tokens=False)
    given = encode(list(contexts), add_special_tokens=False)
    rows = zip(questions, contexts, asked, given, strict=True)
    columns = [_row(*row, most) for row in rows]
    return [row[0] for row in columns], [row[1] for row in columns], [row[2] for row in columns]


def _row(question: str, context: str, asked: Any, given: Any, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    terms = {term for term in map(normal_word, spell_words(question)) if any(map(str.isalnum, term))}
    words = split_words(context)
    spelled = [context[a:b] for a, b in words.tolist()]
    units = np.array(given.offsets, dtype=np.int32).reshape(-1, 2)
    of_units = word_of_units(words, units)
    matches = np.array([*(_match(word, terms) for word in spelled), MATCHES.index("none")])
    left = _columns(given.ids, matches[of_units], context, units, words)
    left[:, 4] = np.array([*_echoes(context, words, spelled, terms), 1])[of_units]
    places = np.array(asked.offsets, dtype=np.int32).reshape(-1, 2)
    right = _columns(asked.ids, MATCHES.index("question"), question, places, split_words(question))
    return right[:most], left, units


def _columns(ids: Sequence[int], matches: Any, text: str, units: np.ndarray, words: np.ndarray) -> np.ndarray:
    spelled = [text[a:b] for a, b in words.tolist()]
    shapes = np.array([*(word_shape(word[:LONGEST]) for word in spelled), 0])
    columns = np.zeros((len(ids), 5), dtype=np.int64)
    columns[:, 0], columns[:, 1] = ids, matches
    columns[:, 2], columns[:, 3] = shapes[word_of_units(words, units)], capitals(spelled)
    return columns


def _echoes(context: str, words: np.ndarray, spelled: Sequence[str], terms: set[str]) -> list[int]:
    """For each word of the context, how much its sentence repeats of the question, 1 to 4: the sum over shared words of
    log(1 + sentences / sentences that have it), against the largest of them."""
    starts = split_sentences(context)[:, 0]
    of_words = np.maximum(np.searchsorted(starts, words[:, 0], side="right") - 1, 0)
    shared: list[set[str]] = [set() for _ in range(max(len(starts), 1))]
    for word, sentence in zip(spelled, of_words.tolist(), strict=True):
        if (term := normal_word(word)) in terms:
            shared[sentence].add(term)
    counts = Counter(term for found in shared for term in found)
    sums = np.array([sum(math.log(1 + len(shared) / counts[term]) for term in found) for found in shared])
    levels = 1 + np.minimum((3 * sums / max(sums.max(), 1e-9) + 1e-6).astype(int), 3)
    return [int(level) for level in levels[of_words]]


def _match(word: str, terms: set[str]) -> int:
    term = normal_word(word)
    if term in terms:
        return MATCHES.index("same")
    start = term[:_ALIKE]
    alike = len(start) == _ALIKE and any(other.startswith(start) for other in terms)
    return MATCHES.index("alike" if alike else "none")


@op("pair.windows.v1")
def windows(
    tools: Tools, asked: Sequence[np.ndarray], given: Sequence[np.ndarray], *, size: int, stride: int,
    first: int | None, last: int | None, pad: int = 0, graph: str = "model", multiple: int = 4,
) -> tuple[list[np.ndarray], list[np.ndarray]]:  # fmt: skip
    """Run a reader over `first` question `last` context `last`: logits float32 [T, 2] (answer begins, ends) of each
    subword of the context, and those of "no answer", float32 [2].

    A context that does not fit into `size` positions is read in windows that begin every `stride` positions, the last
    one moved back so that it is full; a position takes the window in which its nearer edge is farthest, "no answer"
    the window that believes in it least. The graph's inputs are `input_ids` [B, L], `marks` [B, L, 4] and
    `attention_mask`; its `logits` [B, L, 2] hold "no answer" at position 0. L is a multiple of `multiple`."""
    cuts = [(n, a, b) for n in range(len(given)) for a, b in cut(len(asked[n]), len(given[n]), size, stride)]
    pieces: list[np.ndarray] = [np.empty(0)] * len(cuts)
    frames = [frame(asked[n], given[n][a:b], first, last) for n, a, b in cuts]
    order = sorted(range(len(cuts)), key=lambda i: len(frames[i])) if len(cuts) > len(given) else [*range(len(cuts))]
    together = max(len(given), _TOGETHER)
    for group in (order[i : i + together] for i in range(0, len(order), together)):
        answers = tools.run(graph, batch([frames[i] for i in group], pad, multiple))["logits"]
        for i, logits in zip(group, answers, strict=True):
            pieces[i] = logits
    return _merged(cuts, pieces, asked, given, int(first is not None) + int(last is not None))


def cut(asked: int, given: int, size: int, stride: int) -> list[tuple[int, int]]:
    """Windows [start, end) over a context of `given` subwords beside a question of `asked`."""
    room = max(size - asked - 3, 1)
    if given <= room:
        return [(0, given)]
    step = max(1, min(stride, room))
    return [(start, start + room) for start in (*range(0, given - room, step), given - room)]


def frame(asked: np.ndarray, given: np.ndarray, first: int | None, last: int | None) -> np.ndarray:
    """One window int64 [L, 5]: `first` question `last` context `last`."""
    start, end = (np.array([i, 0, 0, 0, 0] if i is not None else [], dtype=np.int64) for i in (first, last))
    return np.concatenate([start.reshape(-1, 5), asked, end.reshape(-1, 5), given, end.reshape(-1, 5)])


def batch(frames: Sequence[np.ndarray], pad: int, multiple: int) -> dict[str, np.ndarray]:
    """The graph's inputs for some windows."""
    longest = -(-max(1, *(len(one) for one in frames)) // multiple) * multiple
    columns = np.zeros((len(frames), longest, 5), dtype=np.int64)
    columns[..., 0] = pad
    mask = np.zeros((len(frames), longest), dtype=np.int64)
    for one, place, present in zip(frames, columns, mask, strict=True):
        place[: len(one)] = one
        present[: max(1, len(one))] = 1
    return {
        "input_ids": np.ascontiguousarray(columns[..., 0]), "marks": np.ascontiguousarray(columns[..., 1:]),
        "attention_mask": mask,
    }  # fmt: skip


def _merged(
    cuts: list[tuple[int, int, int]], pieces: list[np.ndarray], asked: Sequence[np.ndarray],
    given: Sequence[np.ndarray], specials: int,
) -> tuple[list[np.ndarray], list[np.ndarray]]:  # fmt: skip
    logits = [np.empty((len(row), 2), dtype=np.float32) for row in given]
    nothing = [np.full(2, np.inf, dtype=np.float32) for _ in given]
    for i, (n, start, end) in enumerate(cuts):
        before = len(asked[n]) + specials
        begin = (start + cuts[i - 1][2]) // 2 if i and cuts[i - 1][0] == n else start
        logits[n][begin:end] = pieces[i][before + begin - start : before + end - start]
        if pieces[i][0].sum() < nothing[n].sum():
            nothing[n] = pieces[i][0]
    return logits, nothing
