"""A bundle must answer as the network it was made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from modelworks.bundle import Predictor
from modelworks.core.errors import StepError
from modelworks.kinds import Kind

TOLERANCE = 1e-3
"""Largest difference of a score."""


def check(predictor: Predictor, inputs: Sequence[Kind], expected: Sequence[Kind]) -> float:
    """The largest difference of any score between recorded answers and the bundle's; a StepError when it is over the
    tolerance or anything else differs. Labels may swap only when their scores are that close."""
    worst = 0.0
    for value, wanted, found in zip(inputs, expected, predictor.predict(list(inputs)), strict=True):
        difference = distance(msgspec.to_builtins(wanted), msgspec.to_builtins(found))
        if difference > TOLERANCE:
            raise StepError(
                "the exported graph does not answer as the trained network", where=f"export, input {_brief(value)}",
                seen=json.dumps(msgspec.to_builtins(found)), allowed=json.dumps(msgspec.to_builtins(wanted)),
                hint="report this with your versions of torch, onnx and onnxruntime (modelworks doctor)",
            )  # fmt: skip
        worst = max(worst, difference)
    return worst


def distance(wanted: Any, found: Any) -> float:
    """Largest difference of numbers in two plain values of one form; infinite when anything else differs."""
    if isinstance(wanted, float) and isinstance(found, float):
        return float(abs(wanted - found))
    if isinstance(wanted, dict) and isinstance(found, dict) and wanted.keys() == found.keys():
        names = [name for name in wanted if not (_scored(wanted.get("labels")) and name in _BEST)]
        return max((distance(wanted[name], found[name]) for name in names), default=0.0)
    if isinstance(wanted, list | tuple) and isinstance(found, list | tuple) and len(wanted) == len(found):
        if _scored(wanted) and _scored(found):
            return _ranked(wanted, found)
        return max((distance(a, b) for a, b in zip(wanted, found, strict=True)), default=0.0)
    return 0.0 if wanted == found else float("inf")


_BEST = ("label", "score")
"""Fields beside ranked classes that repeat the best."""


def _scored(values: Any) -> bool:
    return (
        isinstance(values, list | tuple)
        and bool(values)
        and all(isinstance(one, dict) and one.keys() == {"label", "score"} for one in values)
    )


def _ranked(wanted: Sequence[Any], found: Sequence[Any]) -> float:
    """Ranked classes: compared class by class, since neighbours with close scores may swap."""
    before, after = ({str(item["label"]): float(item["score"]) for item in value} for value in (wanted, found))
    if before.keys() != after.keys():
        return float("inf")
    return max(abs(before[label] - after[label]) for label in before)


def _brief(value: Kind) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) < 80 else f"{text[:79]}…"
