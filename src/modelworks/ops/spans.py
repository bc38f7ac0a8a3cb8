"""From token logits to spans."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.kinds import Entity
from modelworks.ops._words import split_words, word_of_units


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
    before = _predecessors(tags)
    shift = np.array([outside if tag == "O" else 0.0 for tag in tags])
    return [_entities(*row, tags, shift, before) for row in zip(logits, units, texts, strict=True)]


def first_units(words: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(indices of words that have a unit, index of the first unit of each)."""
    found, first = np.unique(word_of_units(words, units), return_index=True)
    return found[found >= 0], first[found >= 0]


def _entities(
    logits: np.ndarray, units: np.ndarray, text: str, tags: Sequence[str], shift: np.ndarray,
    before: list[np.ndarray],
) -> tuple[Entity, ...]:  # fmt: skip
    words = split_words(text)
    spoken, first = first_units(words, units)
    if not len(spoken):
        return ()
    scaled = np.asarray(logits, dtype=np.float64)[first] - shift
    logs = scaled - scaled.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    path = _viterbi(logs, before, np.array([tag.startswith("I-") for tag in tags]))
    chances = np.exp(logs[np.arange(len(path)), path])
    return _collect([tags[index] for index in path], chances, words[spoken], text)


def _collect(path: list[str], chances: np.ndarray, words: np.ndarray, text: str) -> tuple[Entity, ...]:
    starts = [n for n, tag in enumerate(path) if tag.startswith("B-")]
    entities = []
    for start in starts:
        stop = start + 1
        while stop < len(path) and path[stop].startswith("I-"):
            stop += 1
        a, b = int(words[start, 0]), int(words[stop - 1, 1])
        score = round(float(chances[start:stop].mean()), 4)
        entities.append(Entity(entity_group=path[start][2:], score=score, word=text[a:b], start=a, end=b))
    return tuple(entities)


def _predecessors(tags: Sequence[str]) -> list[np.ndarray]:
    """For each tag the indices of the tags that may stand before it."""
    everything = np.arange(len(tags))
    return [
        np.array([n for n, other in enumerate(tags) if other in (f"B-{tag[2:]}", tag)])
        if tag.startswith("I-") else everything
        for tag in tags
    ]  # fmt: skip


def _viterbi(logs: np.ndarray, before: list[np.ndarray], inner: np.ndarray) -> np.ndarray:
    """The most probable valid path int64 [T] through log-probabilities [T, C]; `inner` marks tags that cannot begin."""
    best: np.ndarray = logs.argmax(axis=1)
    if not inner[best[0]] and all(a in before[b] for a, b in pairwise(best) if inner[b]):
        return best  # nothing beats the best tag everywhere
    score = np.where(inner, -np.inf, logs[0])
    back = np.empty(logs.shape, dtype=np.int64)
    for step in range(1, len(logs)):
        back[step] = [options[score[options].argmax()] for options in before]
        score = score[back[step]] + logs[step]
    path = [int(score.argmax())]
    for step in range(len(logs) - 1, 0, -1):
        path.append(int(back[step, path[-1]]))
    return np.array(path[::-1])
