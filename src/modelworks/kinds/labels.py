"""One class as target; scored classes as prediction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from modelworks.kinds.base import Kind, kind


@kind("label")
class Label(Kind, frozen=True):
    """The one right class of an example."""

    fewest_labels: ClassVar[int] = 2

    label: str

    def check(self) -> None:
        if not self.label:
            raise ValueError("the label is empty")

    def labels(self) -> Iterable[str]:
        return (self.label,)


class Scored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A class and its probability in [0, 1]."""

    label: str
    score: float


@kind("labels")
class Labels(Kind, frozen=True):
    """Every class with its probability, best first; `label` and `score` repeat the best."""

    label: str
    score: float
    labels_: tuple[Scored, ...] = msgspec.field(name="labels")

    def labels(self) -> Iterable[str]:
        return (self.label,)
