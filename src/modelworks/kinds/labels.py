"""One class as target; scored classes as prediction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from modelworks.kinds.base import Judgement, Kind, kind
from modelworks.kinds.edits import Edit


@kind("label")
class Label(Kind, frozen=True):
    """The one right class of an example."""

    fewest_labels: ClassVar[int] = 2
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "label": ("label", "labels", "class", "category", "sentiment", "target", "intent", "topic", "emotion",
                  "polarity", "stars", "rating", "tag", "output", "y"),
    }  # fmt: skip
    sample: ClassVar[Mapping[str, Any]] = {"label": "positive"}

    label: str

    def check(self) -> None:
        if not self.label:
            raise ValueError("the label is empty")

    def labels(self) -> Iterable[str]:
        return (self.label,)

    def as_text(self) -> str:
        return self.label

    def edited(self, edits: Sequence[Edit]) -> Label:
        return self


class Scored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A class and its probability in [0, 1]."""

    label: str
    score: float


@kind("labels")
class Labels(Kind, frozen=True):
    """Every class with its probability, best first; `label` and `score` repeat the best."""

    chances: ClassVar[bool] = True

    label: str
    score: float
    labels_: tuple[Scored, ...] = msgspec.field(name="labels")

    def labels(self) -> Iterable[str]:
        return (self.label,)

    def as_text(self) -> str:
        return self.label

    def rows(self) -> list[tuple[str, float | None]]:
        return [(scored.label, scored.score) for scored in self.labels_[:3]]

    def judgements(self, target: Kind) -> list[Judgement] | None:
        if not isinstance(target, Label):
            return None
        return [Judgement(target.label, self.label, self.score, self.label == target.label)]
