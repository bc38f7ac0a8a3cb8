"""The gate: one verdict, in words, from a candidate's report, the champion's and the measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts import metric as metrics
from modelworks.contracts.step import Work
from modelworks.contracts.task import Task
from modelworks.core import files
from modelworks.core.config import Evaluate
from modelworks.core.errors import ConfigError, StoreError
from modelworks.stages.evaluate import conditions, paired, statistics
from modelworks.stages.evaluate.conditions import Gate, SliceRule, Threshold
from modelworks.stages.evaluate.paired import Comparison

COSTS = {"size_mb": 1e-6, "load_s": 1.0, "p50_ms": 1.0, "p95_ms": 1.0, "throughput": 1.0, "memory_mb": 1.0}
"""Figures of the chosen variant that a threshold may use."""


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks, and what they come to."""

    passed: bool
    checks: tuple[Check, ...]
    words: str
    champion: str | None
    candidate: str

    def plain(self) -> dict[str, Any]:
        """As in verdict.json."""
        return asdict(self)


def run(work: Work) -> dict[str, Any]:
    """The stage: `verdict.json`, `verdict.md` and `report.html`. A failed gate is a result, not an error."""
    from modelworks.stages.evaluate.page import page

    candidate = read(work.inputs["candidate"])
    champion = read(work.inputs["champion"]) if "champion" in work.inputs else None
    optimized = work.inputs.get("optimized")
    measured = read_json(optimized / "measurements.json", []) if optimized else []
    settings = msgspec.convert(work.params.get("evaluate", {}), Evaluate)
    verdict = decide(work.params.get("gate", {}), candidate, champion, measured, settings)
    plain = verdict.plain()
    files.write_bytes(work.output / "verdict.json", msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n")
    files.write_bytes(work.output / "verdict.md", markdown(verdict).encode())
    files.write_bytes(work.output / "report.html", page(work.inputs, plain).encode())
    return {"passed": verdict.passed, "words": verdict.words}


def check(gate: Mapping[str, Any], task: Task) -> None:
    """Raise ConfigError for a gate that cannot be decided, before anything is trained. Names of slices are known only
    when there is a report."""
    robust = [f"robustness.{name}" for name in task.perturbations]
    conditions.parse(gate, list(dict.fromkeys([*task.metrics, "ece", *robust, *COSTS])), task.metrics)


def read(folder: Path) -> Side:
    """A report artifact."""
    report = read_json(folder / "report.json", None)
    if report is None:
        raise StoreError(
            "there is no report in this artifact", where=str(folder), hint="modelworks run --force evaluate"
        )
    return Side(report, statistics.load(folder))


def read_json(path: Path, missing: Any) -> Any:
    """The JSON of a file, or `missing` when there is none."""
    return msgspec.json.decode(path.read_bytes()) if path.is_file() else missing


def decide(
    gate: dict[str, Any], candidate: Side, champion: Side | None, measured: list[dict[str, Any]], settings: Evaluate
) -> Verdict:
    """Check every condition; a ConfigError when one names a figure that does not exist."""
    seen = figures(candidate.report, measured)
    primary = candidate.report["primary"]
    names = [primary, *(name for name in candidate.report["scores"] if name != primary)]
    asked = conditions.parse(gate, list(seen), names)
    checks = [
        *(_against(one, seen[one.name]) for one in asked.thresholds),
        *_champion(asked, candidate, champion, settings),
        *_slice_checks(asked, candidate, champion, settings),
    ]
    failed = [one for one in checks if not one.passed]
    return Verdict(
        not failed, tuple(checks), _words(checks, failed),
        champion.report["bundle"] if champion else None, candidate.report["bundle"],
    )  # fmt: skip


def figures(report: dict[str, Any], measured: list[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Every figure a threshold may name -> {value, low, high}."""
    found = {name: _ends(score) for name, score in report["scores"].items()}
    if "ece" not in found and (ece := report["calibration"].get("ece")):
        found["ece"] = _ends(ece)
    found |= {f"robustness.{one['perturbation']}": _ends(one["drop"]) for one in report["robustness"]}
    chosen = next((one for one in measured if one.get("chosen")), {})
    sizes = {"size_mb": chosen.get("size"), **{name: chosen.get(name) for name in COSTS if name != "size_mb"}}
    for name, value in sizes.items():
        if value is not None:
            scaled = value * COSTS[name]
            found[name] = {"value": scaled, "low": scaled, "high": scaled}
    return found


def _ends(score: dict[str, Any]) -> dict[str, float | None]:
    return {name: score.get(name) for name in ("value", "low", "high")}


def _against(one: Threshold, seen: dict[str, float | None]) -> Check:
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


def _champion(asked: Gate, candidate: Side, champion: Side | None, settings: Evaluate) -> list[Check]:
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


def _slice_checks(asked: Gate, candidate: Side, champion: Side | None, settings: Evaluate) -> list[Check]:
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
    found = _against(one, _ends(entry["scores"][one.name]))
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


def _words(checks: list[Check], failed: list[Check]) -> str:
    if not checks:
        return "Release: no condition is set, so nothing was asked of this model."
    if not failed:
        return f"Release: all {len(checks)} conditions are met." if len(checks) > 1 else f"Release: {checks[0].words}."
    return "Do not release: " + "; ".join(one.words for one in failed) + "."


def markdown(verdict: Verdict) -> str:
    """The verdict for a merge request or a log."""
    lines = [f"# {'Passed' if verdict.passed else 'Failed'}", "", verdict.words, ""]
    if verdict.checks:
        lines += ["| | condition | what was seen |", "|---|---|---|"]
        lines += [
            f"| {'✓' if one.passed else '✗'} | {_cell(one.condition)} | {_cell(one.words)} |" for one in verdict.checks
        ]
    lines += ["", f"candidate `{verdict.candidate[:12]}`, champion `{(verdict.champion or 'none')[:12]}`", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
