"""The gate's conditions, read from `gate:` of modelworks.yaml and checked whole before anything is compared."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelworks.core.errors import ConfigError

OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
STANDINGS = ("no worse", "better")
MARGIN = 0.02
"""Default margin of "no worse", as a share of the metric's range: two points of accuracy or F1."""
_RESERVED = ("champion", "margin", "slices")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A figure against a number. `on` is the end of the interval that must clear it: value, low or high."""

    name: str
    sign: str
    bound: float
    on: str = "value"

    def holds(self, figure: float) -> bool:
        return bool(OPERATORS[self.sign](figure, self.bound))

    def __str__(self) -> str:
        at = "" if self.on == "value" else f" ({self.on} end of the interval)"
        return f"{self.name} {self.sign} {self.bound:g}{at}"


@dataclass(frozen=True, slots=True)
class SliceRule:
    """What is asked of slices: of one column (None: all given ones), perhaps of one value."""

    column: str | None
    value: str | None
    rule: str | Threshold


@dataclass(frozen=True, slots=True)
class Gate:
    """All conditions."""

    thresholds: tuple[Threshold, ...] = ()
    champion: Mapping[str, str] = field(default_factory=dict)
    """Metric -> standing."""
    slices: tuple[SliceRule, ...] = ()
    margin: float | None = None
    """In the metric's units; None for the default."""


def parse(gate: Mapping[str, Any], figures: Sequence[str], metrics: Sequence[str]) -> Gate:
    """The gate of a configuration. `figures` are all names that a threshold may use, `metrics` those that a champion
    can be compared on, the primary one first; a ConfigError names the nearest for any other."""
    thresholds = tuple(_threshold(name, given, figures) for name, given in gate.items() if name not in _RESERVED)
    return Gate(
        thresholds,
        _champion(gate.get("champion"), metrics),
        _slices(gate.get("slices"), metrics[0]),
        _margin(gate.get("margin")),
    )


def _threshold(name: str, given: Any, figures: Sequence[str]) -> Threshold:
    where = f"gate.{name}"
    if name not in figures:
        raise ConfigError(f"the report has no figure {name!r}", where=where, seen=name, allowed=[*figures, *_RESERVED])
    return _compare(name, given, where)


def _compare(name: str, given: Any, where: str) -> Threshold:
    on = "value"
    if isinstance(given, Mapping):
        if unknown := sorted(set(given) - {"at", "on"}):
            raise ConfigError("unknown key", where=where, seen=unknown[0], allowed=["at", "on"])
        given, on = given.get("at", ""), str(given.get("on", "value"))
    if on not in ("value", "low", "high"):
        raise ConfigError("not an end of the interval", where=f"{where}.on", seen=on, allowed=["value", "low", "high"])
    match = re.fullmatch(r"\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*(%?)\s*", str(given))
    if not match:
        raise ConfigError(
            "not a condition", where=where, seen=str(given), allowed='a comparison, as ">= 0.40" or "<= 5%"'
        )
    return Threshold(name, match[1], float(match[2]) / (100 if match[3] else 1), on)


def _champion(given: Any, metrics: Sequence[str]) -> dict[str, str]:
    if given is None:
        return {}
    asked = dict(given) if isinstance(given, Mapping) else {metrics[0]: given}
    for name, standing in asked.items():
        if name not in metrics:
            raise ConfigError("no such metric", where="gate.champion", seen=name, allowed=list(metrics))
        if standing not in STANDINGS:
            raise ConfigError("not a standing", where="gate.champion", seen=standing, allowed=STANDINGS)
    return asked


def _slices(given: Any, primary: str) -> tuple[SliceRule, ...]:
    if given is None:
        return ()
    asked = given if isinstance(given, Mapping) else {"": given}
    return tuple(_slice_rule(str(name), rule, primary) for name, rule in asked.items())


def _slice_rule(name: str, rule: Any, primary: str) -> SliceRule:
    column, mark, value = name.partition("=")
    where = f"gate.slices.{name}" if name else "gate.slices"
    if isinstance(rule, str) and rule in STANDINGS[:1]:
        return SliceRule(column or None, value if mark else None, rule)
    if isinstance(rule, str) and rule.strip()[:1] not in ("<", ">"):
        raise ConfigError("not a rule for slices", where=where, seen=rule, allowed=["no worse", '">= 0.40"'])
    return SliceRule(column or None, value if mark else None, _compare(primary, rule, where))


def _margin(given: Any) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
        raise ConfigError("not a margin", where="gate.margin", seen=given, allowed="a number ≥ 0 in the metric's units")
    return float(given)
