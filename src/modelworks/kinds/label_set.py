"""Any number of classes as target; a probability and a decision for each as prediction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from modelworks.kinds.base import Judgement, Kind, kind
from modelworks.kinds.edits import Edit
from modelworks.kinds.labels import Scored

_MARK = re.compile(r"\s*[,;|]\s*")
_YES, _NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no", "")


@kind("label_set")
class LabelSet(Kind, frozen=True):
    """The classes of an example: none, one or several, each once, sorted."""

    fewest_labels: ClassVar[int] = 2
    open_labels: ClassVar[bool] = True
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "labels": ("labels", "label", "classes", "categories", "emotions", "topics", "tags", "label_set"),
    }
    sample: ClassVar[Mapping[str, Any]] = {"labels": ["joy", "love"]}

    labels_: tuple[str, ...] = msgspec.field(name="labels")

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """From a list, from a text with `,`, `;` or `|` between names, or from several columns of yes and no."""
        cell = given.get("labels")
        if isinstance(cell, Mapping):
            return cls(_sorted(name for name, value in cell.items() if _said(name, value)))
        if isinstance(cell, str):
            return cls(_sorted(name for name in _MARK.split(cell.strip()) if name))
        if isinstance(cell, (list, tuple)):
            return cls(_sorted(_name(value) for value in cell))
        if cell is None:
            return cls(())
        return cls((_name(cell),))

    def check(self) -> None:
        if any(not label for label in self.labels_):
            raise ValueError("a label is empty")
        if list(self.labels_) != sorted(set(self.labels_)):
            raise ValueError("the labels are not sorted, or one is there twice")

    def labels(self) -> Iterable[str]:
        return self.labels_

    def size(self) -> int:
        return len(self.labels_)

    def as_text(self) -> str:
        return ", ".join(self.labels_) or "(none)"

    def edited(self, edits: Sequence[Edit]) -> LabelSet:
        return self


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _name(value: Any) -> str:
    if not isinstance(value, (str, int, float)):
        raise ValueError(f"a label is a text, not {type(value).__name__}")
    return str(value)


def _said(name: str, value: Any) -> bool:
    """Yes or no of one column."""
    text = "" if value is None else str(value).strip().lower()
    if text not in (*_YES, *_NO):
        raise ValueError(f"column {name} says neither yes nor no: {text[:40]!r} (allowed: 1, 0, true, false)")
    return text in _YES


@kind("label_scores")
class LabelScores(Kind, frozen=True):
    """The chosen classes, sorted, and every class with the probability that it applies, surest first."""

    labels_: tuple[str, ...] = msgspec.field(name="labels")
    scores: tuple[Scored, ...]

    def labels(self) -> Iterable[str]:
        return self.labels_

    def size(self) -> int:
        return len(self.labels_)

    def as_text(self) -> str:
        return ", ".join(self.labels_) or "(none)"

    def rows(self) -> list[tuple[str, float | None]]:
        chosen: list[tuple[str, float | None]] = [(s.label, s.score) for s in self.scores if s.label in self.labels_]
        return chosen or [("(none)", None)]

    def judgements(self, target: Kind) -> list[Judgement] | None:
        """One decision a class; of those rightly not chosen nothing is said, as there are so many."""
        if not isinstance(target, LabelSet):
            return None
        return [j for scored in self.scores if (j := self._judged(scored, target.labels_)) is not None]

    def _judged(self, scored: Scored, truth: Sequence[str]) -> Judgement | None:
        there, chosen = scored.label in truth, scored.label in self.labels_
        if not there and not chosen:
            return None
        label = scored.label
        return Judgement(label if there else None, label if chosen else None, scored.score if chosen else None,
                         there and chosen)  # fmt: skip
