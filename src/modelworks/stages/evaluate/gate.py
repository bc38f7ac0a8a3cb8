"""The gate: one verdict, in words, from a candidate's report, the champion's and the measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.step import Work
from modelworks.contracts.task import Task
from modelworks.core import files
from modelworks.core.config import Evaluate
from modelworks.core.errors import StoreError
from modelworks.stages.evaluate import conditions, exchange, statistics
from modelworks.stages.evaluate.checks import (
    Check,
    Side,
    absence_checks,
    against,
    champion_checks,
    ends,
    slice_checks,
)

COSTS = {"size_mb": 1e-6, "load_s": 1.0, "p50_ms": 1.0, "p95_ms": 1.0, "throughput": 1.0, "memory_mb": 1.0}
"""Figures of the chosen variant that a threshold may use."""


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
    """The stage: `verdict.json`, `verdict.md`, `report.html`, `junit.xml` and `metrics.txt`. A failed gate is a
    result, not an error."""
    from modelworks.stages.evaluate.page import page

    candidate = read(work.inputs["candidate"])
    champion = read(work.inputs["champion"]) if "champion" in work.inputs else None
    optimized = work.inputs.get("optimized")
    measured = read_json(optimized / "measurements.json", []) if optimized else []
    settings = msgspec.convert(work.params.get("evaluate", {}), Evaluate)
    verdict = decide(work.params.get("gate", {}), candidate, champion, measured, settings, work.params.get("absent"))
    plain = verdict.plain()
    files.write_bytes(work.output / "verdict.json", msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n")
    files.write_bytes(work.output / "verdict.md", markdown(verdict).encode())
    files.write_bytes(work.output / "report.html", page(work.inputs, plain).encode())
    files.write_bytes(work.output / "junit.xml", exchange.junit(verdict.checks, verdict.words).encode())
    seen = figures(candidate.report, measured)
    files.write_bytes(work.output / "metrics.txt", exchange.metrics(seen).encode())
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
    gate: dict[str, Any], candidate: Side, champion: Side | None, measured: list[dict[str, Any]], settings: Evaluate,
    absent: str | None = None,
) -> Verdict:  # fmt: skip
    """Check every condition; a ConfigError when one names a figure that does not exist. `absent` is the id of a
    champion whose bundle is not on this machine."""
    seen = figures(candidate.report, measured)
    primary = candidate.report["primary"]
    names = [primary, *(name for name in candidate.report["scores"] if name != primary)]
    asked = conditions.parse(gate, list(seen), names)
    checks = [
        *(against(one, seen[one.name]) for one in asked.thresholds),
        *(
            absence_checks(asked, candidate, absent)
            if absent
            else champion_checks(asked, candidate, champion, settings)
        ),
        *slice_checks(asked, candidate, champion, settings),
    ]
    failed = [one for one in checks if not one.passed]
    return Verdict(
        not failed, tuple(checks), _words(checks, failed),
        champion.report["bundle"] if champion else absent, candidate.report["bundle"],
    )  # fmt: skip


def figures(report: dict[str, Any], measured: list[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Every figure a threshold may name -> {value, low, high}."""
    found = {name: ends(score) for name, score in report["scores"].items()}
    if "ece" not in found and (ece := report["calibration"].get("ece")):
        found["ece"] = ends(ece)
    found |= {f"robustness.{one['perturbation']}": ends(one["drop"]) for one in report["robustness"]}
    chosen = next((one for one in measured if one.get("chosen")), {})
    sizes = {"size_mb": chosen.get("size"), **{name: chosen.get(name) for name in COSTS if name != "size_mb"}}
    for name, value in sizes.items():
        if value is not None:
            scaled = value * COSTS[name]
            found[name] = {"value": scaled, "low": scaled, "high": scaled}
    return found


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
