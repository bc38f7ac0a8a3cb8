"""What the gate checks: figures against thresholds, the candidate against the champion, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelworks.contracts import metric as metrics
from modelworks.core.config import Evaluate
from modelworks.core.errors import ConfigError
from modelworks.stages.evaluate import paired, statistics
from modelworks.stages.evaluate.conditions import Gate, SliceRule, Threshold
from modelworks.stages.evaluate.paired import Comparison


@dataclass(frozen=True, slots=True)
class Check:
    """One condition and how it went."""

    name: str
    passed: bool
    condition: str
    seen: Any
    words: str


@dataclass(frozen=True, slots=True)
class Side:
    """A report with its statistics."""

    report: dict[str, Any]
    table: statistics.Table


def ends(score: dict[str, Any]) -> dict[str, float | None]:
    return {name: score.get(name) for name in ("value", "low", "high")}


def against(one: Threshold, seen: dict[str, float | None]) -> Check:
    figure = seen[one.on]
    if figure is None:
        return Check(one.name, False, str(one), seen, f"{one.name} is not defined on these examples")
    passed = one.holds(figure)
    words = f"{one.name} is {_span(seen)}: {'meets' if passed else 'misses'} {one.sign} {one.bound:g}"
    return Check(one.name, passed, str(one), seen, words + _certainty(one, seen, passed))


def _certainty(one: Threshold, seen: dict[str, float | None], passed: bool) -> str:
    """Whether the whole interval is on the side of the verdict."""
    low, high = seen["low"], seen["high"]
    if one.on != "value" or low is None or high is None or low == high:
        return ""
    sides = {one.holds(low), one.holds(high)}
    if sides == {passed}:
        return ", and so does its whole interval"
    return ", though its interval reaches to the other side"


def _span(seen: dict[str, float | None]) -> str:
    value, low, high = seen["value"], seen["low"], seen["high"]
    if low is None or high is None or low == high:
        return f"{value:.4g}"
    return f"{value:.4g} [{low:.4g}, {high:.4g}]"


def absence_checks(asked: Gate, candidate: Side, absent: str) -> list[Check]:
    """The champion's bundle is not on this machine: only the champion itself passes, since nothing can be compared."""
    same = candidate.report["bundle"] == absent
    words = (
        "the candidate is the champion"
        if same
        else f"the champion (bundle {absent[:12]}) is not on this machine, so nothing can be compared with it: "
        f"bring .modelworks/bundles/{absent[:12]}… here, or make it by `modelworks run` in the commit that released it"
    )
    return [
        Check(f"champion: {name}", same, f"{rule} than the champion", None, words)
        for name, rule in asked.champion.items()
    ]


def champion_checks(asked: Gate, candidate: Side, champion: Side | None, settings: Evaluate) -> list[Check]:
    return [_standing(name, rule, asked, candidate, champion, settings) for name, rule in asked.champion.items()]


def _standing(name: str, rule: str, asked: Gate, candidate: Side, champion: Side | None, settings: Evaluate) -> Check:
    label = f"champion: {name}"
    if champion is None:
        return Check(label, True, f"{rule} than the champion", None, "there is no champion yet to compare with")
    if problem := incomparable(name, candidate, champion):
        return Check(label, False, f"{rule} than the champion", None, problem)
    metric = metrics.find(name)
    mine, theirs = paired.shared(candidate.table, champion.table)
    found = paired.compare(
        metric, candidate.table.rows(name, mine), champion.table.rows(name, theirs),
        paired.margin_of(metric, asked.margin), settings.confidence, settings.resamples,
    )  # fmt: skip
    passed = found.no_worse if rule == "no worse" else found.better
    margin = f" (margin {found.margin:g})" if rule == "no worse" else ""
    return Check(label, passed, f"{rule} than the champion{margin}", facts(found), standing_words(found, rule, passed))


def incomparable(name: str, candidate: Side, champion: Side) -> str:
    """Why two reports cannot be compared on a metric; empty when they can."""
    theirs = champion.report["scores"].get(name)
    if theirs is None or name not in champion.table.metrics:
        return f"the champion's report has no {name}: evaluate the champion again"
    mine = candidate.report["scores"][name]["signature"]
    if theirs["signature"] != mine:
        return f"the scores are not comparable: {mine} against the champion's {theirs['signature']}"
    count = len(paired.shared(candidate.table, champion.table)[0])
    if count < min(paired.LEAST, len(candidate.table.ids)):
        return f"only {count} examples are in both reports: evaluate the champion on the same test split"
    return ""


def facts(found: Comparison) -> dict[str, Any]:
    """A comparison as plain data."""
    return {
        "difference": found.found.value, "low": found.found.low, "high": found.found.high, "bound": found.bound,
        "margin": found.margin, "detectable": found.detectable, "examples": found.examples,
    }  # fmt: skip


def standing_words(found: Comparison, rule: str, passed: bool) -> str:
    """A comparison in a sentence or two."""
    if found.identical:
        return f"equal to the champion on all {found.examples} examples" + ("" if passed else ", so not better")
    gap = f"{found.metric} differs by {found.found.value:+.4f} [{found.found.low:+.4f}, {found.found.high:+.4f}]"
    size = f"on {found.examples} examples a difference of {found.detectable:.4f} or more would be found in 4 of 5 runs"
    if rule == "better":
        said = "better than the champion" if passed else "not shown to be better than the champion"
    elif passed:
        said = f"shown to lose less than the margin of {found.margin:g}"
    elif found.worse:
        said = f"worse than the champion by more than the margin of {found.margin:g}"
    else:
        said = f"a loss beyond the margin of {found.margin:g} cannot be ruled out"
    return f"{gap}: {said}; {size}"


def slice_checks(asked: Gate, candidate: Side, champion: Side | None, settings: Evaluate) -> list[Check]:
    checks: list[Check] = []
    for rule in asked.slices:
        places = _places(rule, candidate.report["slices"])
        if isinstance(rule.rule, Threshold):
            checks.extend(_slice_threshold(rule.rule, candidate.report["slices"][i]) for i in places)
        else:
            checks.append(_slices_no_worse(rule, places, asked, candidate, champion, settings))
    return checks


def _places(rule: SliceRule, entries: list[dict[str, Any]]) -> list[int]:
    """Positions of the slices a rule speaks of; a ConfigError when there is none."""
    given = [i for i, one in enumerate(entries) if one["given"]]
    places = [i for i in given if rule.column in (None, entries[i]["column"])]
    places = [i for i in places if rule.value in (None, entries[i]["value"])]
    if not places and (rule.column or given):
        known = sorted({name for i in given for name in _names(entries[i])})
        asked = f"{rule.column}={rule.value}" if rule.value is not None else str(rule.column)
        raise ConfigError("the report has no such slice", where="gate.slices", seen=asked, allowed=known)
    return places


def _names(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["column"], f"{entry['column']}={entry['value']}"


def _slice_threshold(one: Threshold, entry: dict[str, Any]) -> Check:
    found = against(one, ends(entry["scores"][one.name]))
    name = f"slice {_names(entry)[1]}"
    return Check(
        name, found.passed, found.condition, found.seen, f"{name} ({entry['examples']} examples): {found.words}"
    )


def _slices_no_worse(
    rule: SliceRule, places: list[int], asked: Gate, candidate: Side, champion: Side | None, settings: Evaluate
) -> Check:
    named = f" of {rule.column}" if rule.column else ""
    label, condition = f"slices: {rule.column or 'all'}", f"no slice{named} worse than the champion's"
    primary = candidate.report["primary"]
    if champion is None:
        return Check(label, True, condition, None, "there is no champion yet to compare slices with")
    if problem := incomparable(primary, candidate, champion):
        return Check(label, False, condition, None, problem)
    compared = _compare_slices(places, asked, candidate, champion, settings)
    bad = paired.worse_slices([found for _, found in compared], settings.confidence)
    worse = [(entry, found) for (entry, found), is_bad in zip(compared, bad, strict=True) if is_bad]
    seen = [{"slice": _names(entry)[1], **facts(found)} for entry, found in compared]
    return Check(label, not worse, condition, seen, _slice_words(compared, worse))


def _compare_slices(
    places: list[int], asked: Gate, candidate: Side, champion: Side, settings: Evaluate
) -> list[tuple[dict[str, Any], Comparison]]:
    primary = candidate.report["primary"]
    metric = metrics.find(primary)
    mine, theirs = paired.shared(candidate.table, champion.table)
    compared = []
    for i in places:
        inside = candidate.table.members[i][mine]
        if inside.sum() < paired.LEAST:
            continue
        found = paired.compare(
            metric, candidate.table.rows(primary, mine[inside]), champion.table.rows(primary, theirs[inside]),
            paired.margin_of(metric, asked.margin), settings.confidence, settings.resamples,
        )  # fmt: skip
        compared.append((candidate.report["slices"][i], found))
    return compared


def _slice_words(
    compared: list[tuple[dict[str, Any], Comparison]], worse: list[tuple[dict[str, Any], Comparison]]
) -> str:
    if not compared:
        return f"no slice has {paired.LEAST} shared examples: nothing to compare"
    if not worse:
        if all(found.identical for _, found in compared):
            return f"equal to the champion in all {len(compared)} slices"
        weakest = max(found.detectable for _, found in compared)
        return (
            f"none of {len(compared)} slices is shown to be worse by more than the margin"
            f" (in the hardest slice a difference of {weakest:.3f} would be found in 4 of 5 runs)"
        )
    named = "; ".join(f"{_names(entry)[1]} {found.found.value:+.4f} on {found.examples}" for entry, found in worse)
    return f"{len(worse)} of {len(compared)} slices are worse by more than the margin: {named}"
