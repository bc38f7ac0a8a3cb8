"""Single decisions of a prediction held against the target: what confusions, calibration and worst errors count.

Only kinds are looked at, never tasks. A kind that is not in the table yields None, and the report then goes
without those three parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatch

from modelworks.kinds import Entities, Entity, Kind, Label, Labels, Span, Spans


@dataclass(frozen=True, slots=True)
class Judgement:
    """One decision. `truth` or `predicted` is None for something invented or missed; `score` in [0, 1]."""

    truth: str | None
    predicted: str | None
    score: float | None
    right: bool


@singledispatch
def judge(prediction: Kind, target: Kind) -> list[Judgement] | None:
    """The decisions of one prediction, in its order; None for kinds that hold no single decisions."""
    return None


@judge.register
def _labels(prediction: Labels, target: Kind) -> list[Judgement] | None:
    if not isinstance(target, Label):
        return None
    right = prediction.label == target.label
    return [Judgement(target.label, prediction.label, prediction.score, right)]


@judge.register
def _entities(prediction: Entities, target: Kind) -> list[Judgement] | None:
    if not isinstance(target, Spans):
        return None
    left = list(target.spans)
    found = [_entity(entity, left) for entity in prediction.entities]
    return [*found, *(Judgement(span.label, None, None, False) for span in left)]


def _entity(entity: Entity, left: list[Span]) -> Judgement:
    """Right only when bounds and label agree; a confusion takes the span it overlaps, once."""
    best = max(left, key=lambda span: _shared(entity, span), default=None)
    if best is None or _shared(entity, best) == 0:
        return Judgement(None, entity.entity_group, entity.score, False)
    left.remove(best)
    exact = (best.start, best.end, best.label) == (entity.start, entity.end, entity.entity_group)
    return Judgement(best.label, entity.entity_group, entity.score, exact)


def _shared(entity: Entity, span: Span) -> float:
    """Overlap as intersection over union of code points."""
    inside = min(entity.end, span.end) - max(entity.start, span.start)
    return max(0, inside) / (max(entity.end, span.end) - min(entity.start, span.start))


def confusions(judgements: Iterable[Judgement]) -> list[dict[str, object]]:
    """Counts of (truth, predicted), most frequent first; None is "nothing there"."""
    counts: dict[tuple[str | None, str | None], int] = {}
    for one in judgements:
        counts[one.truth, one.predicted] = counts.get((one.truth, one.predicted), 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return [{"truth": truth, "predicted": predicted, "count": count} for (truth, predicted), count in ordered]
