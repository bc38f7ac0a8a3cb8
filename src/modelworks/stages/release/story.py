"""What the registry is told of the steps behind a release: one run a step, read from the artifacts' own files."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.registry import Data, Run
from modelworks.contracts.step import Work


def steps(work: Work, key: str) -> tuple[Run, ...]:
    """Runs of the steps that have something to say. `key` is that of the run they are parts of."""
    return tuple(
        tell(work.inputs[name], _base(work, key, name)) for name, tell in _TELLERS.items() if name in work.inputs
    )


def dataset(work: Work) -> Data | None:
    """The dataset behind a release."""
    folder = work.inputs.get("dataset")
    facts = read(folder / "dataset.json") if folder else {}
    if folder is None or not facts:
        return None
    asked = record(folder).get("ingredients", {}).get("params", {}).get("data", {})
    files: list[str] = []
    for part in ("source", "train", "dev", "test"):
        given = asked.get(part, ())
        files += [given] if isinstance(given, str) else given if isinstance(given, list) else []  # else a share
    return Data(
        name=str(work.params["name"]), digest=facts["id"], source=" ".join(files),
        columns=tuple(facts[name] for name in ("input", "target") if facts.get(name)), splits=facts.get("splits", {}),
    )  # fmt: skip


def times(folder: Path) -> tuple[float, float]:
    """(when the artifact's step began, in seconds since 1970; how long it took); zeros where nobody knows."""
    facts = record(folder)
    if not facts.get("made"):
        return 0, 0
    return datetime.datetime.fromisoformat(facts["made"]).timestamp() - facts["seconds"], facts["seconds"]


def record(folder: Path) -> dict[str, Any]:
    """The artifact's `artifact.json`; empty when there is none."""
    return read(folder / "artifact.json") or {}


def read(path: Path) -> Any:
    """A JSON file; an empty mapping when there is none."""
    return msgspec.json.decode(path.read_bytes()) if path.exists() else {}


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    result: dict[str, Any] = {}
    for name, inner in value.items():
        result.update(flat(inner, f"{prefix}{name}.") if isinstance(inner, dict) else {f"{prefix}{name}": inner})
    return result


def figures(value: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a mapping."""
    return {name: float(number) for name, number in value.items() if _is_figure(number)}


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _base(work: Work, key: str, name: str) -> Run:
    folder = work.inputs[name]
    facts = record(folder)
    step = facts.get("step", name)
    started, seconds = times(folder)
    return Run(
        project=str(work.params["name"]), name=step, started=started, seconds=seconds,
        tags={"key": f"{key}/{step}", "step": step, "artifact": facts.get("key", "")},
        params=flat(facts.get("ingredients", {}).get("params", {})), metrics=figures(facts.get("facts", {})),
    )  # fmt: skip


def _prepare(folder: Path, base: Run) -> Run:
    facts = record(folder).get("facts", {})
    counts = {f"{group}/{n}": v for group in ("splits", "problems") for n, v in figures(facts.get(group, {})).items()}
    return msgspec.structs.replace(base, metrics={**base.metrics, **counts})


def _train(folder: Path, base: Run) -> Run:
    checkpoint = read(folder / "checkpoint.json")
    options = flat({"family": checkpoint.get("family", ""), "options": checkpoint.get("options", {})})
    return msgspec.structs.replace(
        base, params={**base.params, **options}, curves=curves(folder), machine=read(folder / "machine.json")
    )


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The curves of a checkpoint."""
    found = read(folder / "history.json")
    return {name: [(int(step), float(value)) for step, value in curve] for name, curve in found.items()}


def _optimize(folder: Path, base: Run) -> Run:
    rows = read(folder / "measurements.json") or []
    files = tuple(str(folder / name) for name in ("measurements.json", "pareto.svg"))
    variants = tuple(_variant(row, base) for row in rows)
    return msgspec.structs.replace(base, files=files, children=variants)


def _variant(row: dict[str, Any], base: Run) -> Run:
    curve = [(int(point["rows"]), float(point["ms"])) for point in row.get("batch_curve") or ()]
    name = str(row["variant"])
    return Run(
        project=base.project, name=name, started=base.started, seconds=base.seconds, metrics=figures(row),
        params={"variant": name, "summary": row.get("summary", "")}, curves={"ms_by_rows": curve} if curve else {},
        tags={
            "key": f"{base.tags['key']}/{name}", "step": base.name, "bundle": row.get("bundle") or "",
            "chosen": "yes" if row.get("chosen") else "no",
        },
        description=str(row.get("error") or row.get("why") or ""),
    )  # fmt: skip


def _evaluate(folder: Path, base: Run) -> Run:
    report = read(folder / "report.json")
    metrics = {**base.metrics, **_scores("", report.get("scores", {}))}
    for part in report.get("slices", ()):
        metrics.update(_scores(f"slice/{part['column']}={part['value']}/", part.get("scores", {})))
    for trial in report.get("robustness", ()):
        metrics.update(_scores(f"robustness/{trial['perturbation']}/", trial.get("scores", {})))
    return msgspec.structs.replace(base, metrics=metrics)


def _scores(prefix: str, scores: Mapping[str, Any]) -> dict[str, float]:
    """Each score, and the ends of its interval."""
    found = {}
    for name, score in scores.items():
        ends = {"": score.get("value"), "/low": score.get("low"), "/high": score.get("high")}
        found.update({f"{prefix}{name}{end}": value for end, value in figures(ends).items()})
    return found


_TELLERS = {"dataset": _prepare, "checkpoint": _train, "bundle": _optimize, "report": _evaluate}
