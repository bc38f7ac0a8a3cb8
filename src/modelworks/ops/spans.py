"""From token logits to spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.kinds import Entity
from modelworks.ops._words import word_of_units
from modelworks.ops.tokens import words_of


@op("spans.bio.v1")
def bio(
    tools: Tools, logits: Sequence[np.ndarray], units: Sequence[np.ndarray], texts: Sequence[str], *,
    tags: Sequence[str], outside: float = 0.0,
) -> list[tuple[Entity, ...]]:  # fmt: skip
    """Entities of each text, from logits [T, C] of its units and their offsets [T, 2]; `tags` name the C classes in
    IOB2 (`O`, `B-x`, `I-x`).

    A word (`text.words.v1`) speaks by the first of its units. The tags of the words are the most probable valid
    IOB2 sequence (Viterbi; `I-x` only behind `B-x` or `I-x`), with `outside` subtracted from the logit of `O`: found on
    the dev split, it trades precision for recall. An entity runs from the start of its first word to the
    end of its last, so its `word` is a slice of the raw text; its score is the mean probability of its words' tags,
    rounded to 4 decimals."""
    return _decoded(logits, units, texts, [()] * len(texts), tags, outside, "first")


@op("spans.bio.v2")
def bio_of_words(
    tools: Tools, logits: Sequence[np.ndarray], units: Sequence[np.ndarray], texts: Sequence[str],
    given: Sequence[Sequence[tuple[int, int]]], *, tags: Sequence[str], outside: float = 0.0,
    merge: Literal["first", "mean", "max"] = "first",
) -> list[tuple[Entity, ...]]:  # fmt: skip
    """`spans.bio.v1` with three things more: words are the given tokens of a text that has some; `tags` may also be
    BIOES (`E-x` ends a span, `S-x` is one of a word); and `merge` says how the units of a word speak: the first alone,
    by their mean logits, or by the unit that is surest of its best tag."""
    return _decoded(logits, units, texts, given, tags, outside, merge)


def _decoded(
    logits: Sequence[np.ndarray], units: Sequence[np.ndarray], texts: Sequence[str],
    given: Sequence[Sequence[tuple[int, int]]], tags: Sequence[str], outside: float, merge: str,
) -> list[tuple[Entity, ...]]:  # fmt: skip
    scheme = _Scheme(tags)
    shift = np.array([outside if tag == "O" else 0.0 for tag in tags])
    return [
        _entities(scores, places, text, words_of(text, tokens), shift, scheme, merge)
        for scores, places, text, tokens in zip(logits, units, texts, given, strict=True)
    ]


def first_units(words: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(indices of words that have a unit, index of the first unit of each)."""
    found, first = np.unique(word_of_units(words, units), return_index=True)
    return found[found >= 0], first[found >= 0]


class _Scheme:
    """Which tag may follow which, of IOB2 or BIOES tags."""

    def __init__(self, tags: Sequence[str]) -> None:
        self.tags = tags
        parts = [tag.partition("-")[::2] for tag in tags]
        closed = any(prefix == "E" for prefix, _ in parts)
        self.inner = np.array([prefix in "IE" and prefix != "" for prefix, _ in parts])
        """Tags that go on with a span, and so cannot begin a text."""
        self.open = np.array([closed and prefix in "BI" for prefix, _ in parts])
        """Tags of which the span must go on, so that they cannot end a text."""
        self.legal = np.array([[self._follows(a, b, closed) for b in parts] for a in parts])
        """bool [C, C]: may tag b stand behind tag a?"""
        self.barred = np.where(self.legal, 0.0, -np.inf)

    @staticmethod
    def _follows(a: tuple[str, str], b: tuple[str, str], closed: bool) -> bool:
        goes_on = b[0] in ("I", "E")
        inside = a[0] in ("B", "I") and a[1] == b[1]
        if goes_on:
            return inside
        return not (closed and a[0] in ("B", "I"))

    def best(self, logs: np.ndarray) -> np.ndarray:
        """The most probable valid path int64 [T] through log-probabilities [T, C]."""
        greedy: np.ndarray = logs.argmax(axis=1)
        if not (self.inner[greedy[0]] or self.open[greedy[-1]]) and self.legal[greedy[:-1], greedy[1:]].all():
            return greedy  # nothing beats the best tag everywhere
        score = np.where(self.inner, -np.inf, logs[0])
        back = np.empty(logs.shape, dtype=np.int64)
        columns = np.arange(len(score))
        for step in range(1, len(logs)):
            reached = score[:, None] + self.barred
            back[step] = reached.argmax(axis=0)
            score = reached[back[step], columns] + logs[step]
        path = [int(np.where(self.open, -np.inf, score).argmax())]
        for step in range(len(logs) - 1, 0, -1):
            path.append(int(back[step, path[-1]]))
        return np.array(path[::-1])


def _entities(
    logits: np.ndarray, units: np.ndarray, text: str, words: np.ndarray, shift: np.ndarray, scheme: _Scheme,
    merge: str,
) -> tuple[Entity, ...]:  # fmt: skip
    spoken, first = first_units(words, units)
    if not len(spoken):
        return ()
    scaled = _merged(np.asarray(logits, dtype=np.float64), words, units, first, merge) - shift
    logs = scaled - scaled.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    path = scheme.best(logs)
    chances = np.exp(logs[np.arange(len(path)), path])
    return _collect([scheme.tags[index] for index in path], chances, words[spoken], text)


def _merged(logits: np.ndarray, words: np.ndarray, units: np.ndarray, first: np.ndarray, merge: str) -> np.ndarray:
    """Logits of the words that have units, float64 [W, C]."""
    if merge == "first":
        return np.asarray(logits[first])
    owner = word_of_units(words, units)
    known = np.flatnonzero(owner >= 0)
    _, place = np.unique(owner[known], return_inverse=True)
    if merge == "mean":
        sums = np.zeros((len(first), logits.shape[1]))
        np.add.at(sums, place, logits[known])
        return np.asarray(sums / np.bincount(place)[:, None])
    scaled = logits[known] - logits[known].max(axis=1, keepdims=True)
    doubt = np.exp(scaled).sum(axis=1)  # 1 over the chance of the best tag
    order = np.lexsort((doubt, place))
    surest = order[np.unique(place[order], return_index=True)[1]]
    return np.asarray(logits[known[surest]])


def _collect(path: list[str], chances: np.ndarray, words: np.ndarray, text: str) -> tuple[Entity, ...]:
    starts = [n for n, tag in enumerate(path) if tag[:2] in ("B-", "S-")]
    entities = []
    for start in starts:
        stop = start + 1
        while stop < len(path) and path[stop][:2] in ("I-", "E-"):
            stop += 1
        a, b = int(words[start, 0]), int(words[stop - 1, 1])
        score = round(float(chances[start:stop].mean()), 4)
        entities.append(Entity(entity_group=path[start][2:], score=score, word=text[a:b], start=a, end=b))
    return tuple(entities)
