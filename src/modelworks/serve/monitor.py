"""What a model is asked and says, watched against its profile: drift, constant answers, sureness.

A request hands over references to its answers and goes on; they are looked at in the server's tick, after the answers
have been sent, a few at a time. The window holds the latest of them: under load a sample that spans a hundred seconds
or more, otherwise every answer. Event loop's thread alone.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from modelworks.bundle import drift
from modelworks.bundle.drift import Reference
from modelworks.bundle.profile import Profile, scores_of
from modelworks.kinds import Kind
from modelworks.serve.stats import Level

WINDOW = 2048
TAKE = 4
"""Answers of one tick that are looked at."""
SECONDS = 0.001
"""All the time of one tick that may go by before the rest waits for the next."""
ENOUGH = 200
"""Answers before drift is spoken of."""
MOST = 64
"""Labels and scores of one answer that are looked at, spread over it."""

Cells = tuple[tuple[int, int], ...]
T = TypeVar("T")


class _Seen(NamedTuple):
    """One answer, as the window keeps it."""

    when: float
    size: int
    answer: int
    """Hash of what a person would read."""
    sure: float
    scores: int
    cells: tuple[Cells, ...]
    """For each feature: (cell, how often)."""


class Monitor:
    """The window of one served model. `profile` is its bundle's; without one there is nothing to compare with."""

    def __init__(self, profile: Profile | None) -> None:
        self._references = drift.references(profile) if profile else {}
        self._reference_score = sum(profile.score) / len(profile.score) if profile and profile.score else None
        self._counts = {name: [0.0] * len(one.expected) for name, one in self._references.items()}
        self._taken: deque[tuple[int, Kind]] = deque()
        self._window: deque[_Seen] = deque()
        self._answers: Counter[int] = Counter()
        self._sizes: Counter[int] = Counter()
        self._sure, self._scores = 0.0, 0
        self._chances = False

    def see(self, inputs: Sequence[Kind], predictions: Sequence[Kind]) -> None:
        """Take what this tick has room for. On the hot path."""
        room = TAKE - len(self._taken)
        if room > 0:
            for value, prediction in zip(inputs[:room], predictions[:room], strict=True):
                self._taken.append((value.size(), prediction))

    def tick(self) -> None:
        """Look at what was taken."""
        end = time.monotonic() + SECONDS
        while self._taken:
            self._add(*self._taken.popleft())
            if time.monotonic() > end:
                return

    def _add(self, size: int, prediction: Kind) -> None:
        scores = _spread(scores_of(prediction))
        labels = list(prediction.labels())
        values: dict[str, list[Any]] = {
            "size": [size],
            "items": [len(labels)],
            "labels": _spread(labels),
            "score": scores,
        }
        cells = tuple(tuple(Counter(map(one.cell, values[name])).items()) for name, one in self._references.items())
        seen = _Seen(time.monotonic(), size, hash(prediction.as_text()), sum(scores), len(scores), cells)
        self._chances = prediction.chances
        self._window.append(seen)
        self._count(seen, 1)
        if len(self._window) > WINDOW:
            self._count(self._window.popleft(), -1)

    def _count(self, seen: _Seen, by: int) -> None:
        self._sure += by * seen.sure
        self._scores += by * seen.scores
        for counter, key in ((self._answers, seen.answer), (self._sizes, seen.size)):
            counter[key] += by
            if not counter[key]:
                del counter[key]
        for counts, cells in zip(self._counts.values(), seen.cells, strict=True):
            for cell, often in cells:
                counts[cell] += by * often

    # When somebody asks

    def levels(self) -> Iterator[Level]:
        """The window as gauges; nothing is said of what it cannot know."""
        count = len(self._window)
        oldest = self._window[0].when if count else time.monotonic()
        yield Level("watched_answers", "Answers in the window that drift is measured over", count)
        yield Level("watched_seconds", "Age of the window's oldest answer", time.monotonic() - oldest)
        yield Level("sizes_distinct", "Different sizes of input in the window", len(self._sizes))
        yield Level("answers_distinct", "Different answers in the window, as a person reads them", len(self._answers))
        if count:
            share = max(self._answers.values()) / count
            yield Level("answers_commonest_ratio", "Share of the commonest answer in the window", share)
        yield from self._sureness()
        if count >= ENOUGH:
            for name, one in self._references.items():
                yield from self._drift(name, one)
        for name, one in self._references.items():
            yield from _shares(one, self._counts[name])

    def _sureness(self) -> Iterator[Level]:
        if self._reference_score is not None:
            yield Level("answer_score_reference", "Mean score of answers in the profile", self._reference_score)
        if not self._scores:
            return
        mean = self._sure / self._scores
        yield Level("answer_score_mean", "Mean score of answers in the window", mean)
        if self._reference_score is not None and self._chances and len(self._window) >= ENOUGH:
            words = "Estimated from scores alone: change of the share of decisions that are right since the profile"
            yield Level("quality_change_estimated", words, mean - self._reference_score)

    def _drift(self, name: str, reference: Reference) -> Iterator[Level]:
        seen = self._counts[name]
        if sum(seen):
            index, chance = drift.psi(reference.expected, seen), drift.noise(reference.expected, seen)
            yield Level("drift", "Population stability index against the profile", index, {"feature": name})
            yield Level("drift_noise", "What the index reaches by chance alone", chance, {"feature": name})


def _shares(reference: Reference, seen: Sequence[float]) -> Iterator[Level]:
    """Share of each label that has a name, in the window and in the profile."""
    for number, label in enumerate(reference.names):
        labels = {"label": label}
        share = reference.expected[number] / sum(reference.expected)
        yield Level("label_reference_ratio", "Share of a label in the profile", share, labels)
        if total := sum(seen):
            yield Level("label_ratio", "Share of a label in the window", seen[number] / total, labels)


def _spread(items: list[T]) -> list[T]:
    """At most MOST of them, evenly."""
    return items[:: -(-len(items) // MOST)] if len(items) > MOST else items
