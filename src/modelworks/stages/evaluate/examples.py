"""Which examples the report shows: the worst errors, and a random sample. Holds only those, whatever streams by."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelworks.contracts.task import Task
from modelworks.kinds import Example, Judgement, Kind

WORST = 20
SAMPLES = 12
_MOST_HTML = 400_000
"""Characters of one rendered example; a larger one is named, not shown."""

_Shown = tuple[Example, Kind]


@dataclass(slots=True)
class Gallery:
    """Picks examples from a stream. Worst: the surest wrong decision first; for kinds without single decisions,
    the lowest score of the example alone."""

    worst: list[tuple[float, int, _Shown]] = field(default_factory=list)
    samples: list[_Shown] = field(default_factory=list)
    _number: Any = field(default_factory=itertools.count)
    _generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def add(self, example: Example, prediction: Kind, judgements: Sequence[Judgement] | None, badness: float) -> None:
        """`badness` in [0, 1] ranks examples that hold no single decisions (`judgements` is None)."""
        number = next(self._number)
        wrong = [one.score if one.score is not None else 0.0 for one in judgements or () if not one.right]
        rank = max(wrong) if wrong else (badness if judgements is None else 0.0)
        if wrong or rank > 0:
            push = heapq.heappushpop if len(self.worst) >= WORST else heapq.heappush
            push(self.worst, (rank, -number, (example, prediction)))
        self._sample(number, (example, prediction))

    def _sample(self, number: int, shown: _Shown) -> None:
        """Reservoir sampling (Vitter's algorithm R): each example with equal chance."""
        if len(self.samples) < SAMPLES:
            self.samples.append(shown)
        elif (place := int(self._generator.integers(0, number + 1))) < SAMPLES:
            self.samples[place] = shown

    def render(self, task: Task) -> dict[str, list[dict[str, Any]]]:
        """Plain data: `worst` and `samples`, each {id, where, html} with the task's own picture."""
        worst = sorted(self.worst, key=lambda item: (-item[0], -item[1]))
        return {
            "worst": [{**_rendered(task, shown), "rank": rank} for rank, _, shown in worst],
            "samples": [_rendered(task, shown) for shown in self.samples],
        }


def _rendered(task: Task, shown: _Shown) -> dict[str, Any]:
    example, prediction = shown
    html = task.render(example.input, example.target, prediction)
    return {"id": example.id, "where": example.where, "html": html if len(html) <= _MOST_HTML else ""}
