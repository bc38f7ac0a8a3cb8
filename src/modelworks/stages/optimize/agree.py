"""Do two bundles answer alike? Compared as plain data: whatever has a `score` is an answer, named by its other fields.

So one function serves every prediction kind: a class among classes, an entity among entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelworks.kinds import Kind


def parity(original: Sequence[Kind], variant: Sequence[Kind]) -> dict[str, float]:
    """`{"score": largest difference of the scores of shared answers, "agreement": share of equal answers}`."""
    worst, same = 0.0, 0
    for one, other in zip(original, variant, strict=True):
        first, second = _scores(one), _scores(other)
        worst = max([worst, *(abs(first[key] - second[key]) for key in first.keys() & second.keys())])
        same += _answer(one) == _answer(other)
    return {"score": worst, "agreement": same / len(original) if original else 1.0}


def _scores(prediction: Kind) -> dict[Any, float]:
    found: dict[Any, float] = {}
    _collect(msgspec.to_builtins(prediction), (), found)
    return found


def _collect(value: Any, path: tuple[Any, ...], found: dict[Any, float]) -> None:
    if isinstance(value, dict):
        scalars = tuple(
            sorted((k, v) for k, v in value.items() if k != "score" and not isinstance(v, dict | list | tuple))
        )
        if isinstance(value.get("score"), int | float):
            found[path, scalars] = float(value["score"])
        for key, inner in value.items():
            _collect(inner, (*path, key), found)
    elif isinstance(value, list | tuple):
        for inner in value:
            _collect(inner, path, found)


def _answer(prediction: Kind) -> Any:
    """What is answered, scores aside: the top choice where there is one, else all that was found."""
    keys = _scores(prediction)
    top = [key for key in keys if key[0] == ()]
    return frozenset(top or keys or [msgspec.json.encode(prediction)])
