"""The work of optimizing: build every variant, hold it against the original, time all, choose one."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from modelworks.contracts import metric as metrics
from modelworks.contracts.metric import Metric
from modelworks.contracts.task import Task
from modelworks.contracts.variant import Variant
from modelworks.core import files, registry
from modelworks.core.config import Optimize, percent
from modelworks.core.errors import DataError, ModelworksError
from modelworks.core.progress import Progress, Silent
from modelworks.kinds import Example, Kind
from modelworks.stages.optimize import feeds, probe, timing
from modelworks.stages.optimize.agree import parity
from modelworks.stages.optimize.choose import ORIGINAL, choose, kept, words
from modelworks.stages.optimize.pareto import pareto

if TYPE_CHECKING:
    from modelworks.bundle import Predictor

PACKAGE = "modelworks.stages.optimize.variants"
EXACT = 2e-3
"""Difference of scores that rounding explains: the default for variants that promise the same numbers."""
CALIBRATION = 48
LEAST, MOST = 50, 1000
"""Dev examples that variants are scored on: as many as the time allows, between these."""
SCORING, TIMING = 20.0, 12.0
"""Seconds for scoring, and for timing, of all variants together."""


@dataclass(slots=True)
class Built:
    """A variant that was built (or why not), opened and scored."""

    name: str
    variant: Variant | None
    folder: Path
    error: str = ""
    predictor: Predictor | None = None
    answers: list[Kind] = field(default_factory=list)
    row: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured, and what was chosen."""

    rows: list[dict[str, Any]]
    chosen: str
    words: str
    bundle: str

    def facts(self) -> dict[str, Any]:
        """What the user is shown."""
        names = (
            "variant",
            "size",
            "load_s",
            "p50_ms",
            "p95_ms",
            "throughput",
            "memory_mb",
            "metric",
            "kept",
            "chosen",
            "why",
        )
        rows = [{name: row.get(name) for name in names} for row in self.rows]
        return {"chosen": self.chosen, "words": self.words, "bundle": self.bundle, "variants": rows}


def optimize(
    folder: Path,
    output: Path,
    scratch: Path,
    task: Task,
    examples: Iterable[Example],
    settings: Optimize,
    progress: Progress | None = None,
) -> Outcome:
    """Measure the variants of the bundle folder `folder` on labelled `examples`; write the winner to `output/bundle`,
    with `measurements.json` and `pareto.svg` beside it."""
    progress = progress or Silent()
    keep = percent(settings.keep, "optimize.keep")
    metric = metrics.find(task.metrics[0])
    sample = [example for example in islice(examples, MOST) if example.target is not None]
    if not sample:
        raise DataError("there is no labelled example to measure variants on", where="dev split")
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        built = build_all(folder, Path(place), asked(settings.variants), sample, progress)
        rows = measure(built, metric, sample, progress)
        name = choose(rows, settings.for_, keep)
        winner = next(one for one in built if one.name == name)
        bundle = _ship(winner, folder, output / "bundle", [example.input for example in sample])
    said = words(rows, settings.for_)
    files.write_bytes(output / "measurements.json", msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
    files.write_bytes(output / "pareto.svg", pareto(rows, metric.name).encode())
    return Outcome(rows, name, said, bundle)


def asked(names: Sequence[str] | None) -> list[Variant]:
    """The variants of these names; all that differ on this machine when None."""
    if names is not None:
        return [registry.leaf(PACKAGE, name, "VARIANT") for name in names]
    found: list[Variant] = []
    for name in registry.names(PACKAGE):
        variant = registry.leaf(PACKAGE, name, "VARIANT")
        threads = (variant.runtime or {}).get("threads", 1)
        known = [(one.runtime or {}).get("threads") for one in found if one.transform is None]
        if variant.transform is not None or (1 < threads <= timing.cores() and threads not in known):
            found.append(variant)
    return found


def build_all(
    folder: Path, place: Path, variants: Sequence[Variant], sample: Sequence[Example], progress: Progress
) -> list[Built]:
    """The original and its variants, each derived into its own folder and opened; a failure is kept as words."""
    progress.start("optimize: variants", total=len(variants), unit="variants")
    recorded = feeds.record(folder, [example.input for example in sample[:CALIBRATION]])
    built = [_opened(Built(ORIGINAL, None, folder))]
    if built[0].error:
        raise ModelworksError(f"the bundle does not open: {built[0].error}", where=str(folder))
    for variant in variants:
        built.append(_build(variant, folder, place / variant.name, recorded))
        progress.advance(variant=variant.name)
    return built


def _build(variant: Variant, folder: Path, target: Path, recorded: Any) -> Built:
    from modelworks.bundle import derive, open_manifest

    one = Built(variant.name, variant, target / "bundle")
    changed: dict[str, Path] = {}
    try:
        target.mkdir(parents=True)
        for graph in open_manifest(folder).graphs if variant.transform else ():
            changed[graph.file] = target / f"{graph.name}.onnx"
            variant.transform(folder / graph.file, changed[graph.file], lambda _, name=graph.name: recorded(name))  # type: ignore[misc]
        derive(folder, one.folder, variant=variant.name, files=changed, runtime=variant.runtime)
    except Exception as error:  # converters fail in their own ways; each is recorded, and the others go on
        one.error = _short(error)
        return one
    return _opened(one)


def _opened(one: Built) -> Built:
    from modelworks.bundle import Predictor

    try:
        one.predictor = Predictor.open(one.folder)
    except Exception as error:  # a graph that the engine refuses is one more way to fail
        one.error = _short(error)
    return one


def _short(error: Exception) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{type(error).__name__}: {text[:200]}"


def measure(
    built: Sequence[Built], metric: Metric, sample: Sequence[Example], progress: Progress
) -> list[dict[str, Any]]:
    """A row of figures for every variant."""
    good = [one for one in built if one.predictor is not None]
    sample = _affordable(good, sample)
    original = built[0]
    progress.start("optimize: scores", total=len(good), unit="variants")
    for one in good:
        _score(one, original, metric, sample)
        progress.advance(variant=one.name, metric=one.row.get("metric", float("nan")))
    progress.say(f"optimize: timing {len(good)} variants, in turns")
    timed = [one for one in good if not one.error]
    seconds = TIMING if len(timed) > 1 else TIMING / 4  # alone it is told, not compared
    times = timing.time_all({one.name: one.predictor for one in timed}, [e.input for e in sample], seconds)  # type: ignore[misc]
    for one in timed:
        one.row |= {**times[one.name], **probe.measure(one.folder), "size": size(one.folder)}
    return [one.row if not one.error else {"variant": one.name, "error": one.error, "kept": None} for one in built]


def _affordable(good: Sequence[Built], sample: Sequence[Example]) -> Sequence[Example]:
    """As many examples as all variants can answer within the time for scoring."""
    probe_of = [example.input for example in sample[:16]]
    began = time.perf_counter()
    for one in good:
        one.predictor.predict(probe_of)  # type: ignore[union-attr]
    cost = (time.perf_counter() - began) / len(probe_of)
    return sample[: int(min(MOST, max(LEAST, SCORING / max(cost, 1e-9))))]


def _score(one: Built, original: Built, metric: Metric, sample: Sequence[Example]) -> None:
    predictor: Any = one.predictor
    try:
        one.answers = predictor.predict([example.input for example in sample])
    except Exception as error:  # an engine may refuse a graph only when it runs
        one.error = _short(error)
        return
    labels = predictor.manifest.labels
    columns = [
        metric.statistics(e.target, a, labels, e.input) for e, a in zip(sample, one.answers, strict=True) if e.target
    ]
    value = float(metric.score(columns, np.ones((1, len(columns))))[0])
    found = parity(original.answers, one.answers)
    allowed = (one.variant.parity if one.variant else 0.0) or EXACT
    base = value if one is original else original.row["metric"]
    one.row = {
        "variant": one.name, "summary": one.variant.summary if one.variant else "as exported",
        "bundle": predictor.manifest.id, "examples": len(sample),
        "metric": value, "kept": kept(metric, base, value), "parity": {**found, "allowed": allowed},
        "same": found["score"] <= allowed,
    }  # fmt: skip


def size(folder: Path) -> int:
    """Bytes of all files of a bundle."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _ship(winner: Built, parent: Path, target: Path, inputs: Sequence[Kind]) -> str:
    """Write the winner with the batch size that pays here; its bundle id. The original is copied as it is when that
    size is already its own."""
    from modelworks.bundle import derive, open_manifest

    predictor: Any = winner.predictor
    costs = timing.curve(predictor, inputs[:64], TIMING)
    batch = timing.cap(costs)
    winner.row |= {"batch": batch, "batch_curve": [{"rows": rows, "ms": cost} for rows, cost in costs]}
    if winner.variant is None and predictor.manifest.runtime.batch == batch:
        shutil.copytree(parent, target)
        return str(predictor.manifest.id)
    manifest = open_manifest(winner.folder)
    changed = {graph.file: winner.folder / graph.file for graph in manifest.graphs}
    runtime = {**(winner.variant.runtime or {} if winner.variant else {}), "batch": batch}
    name = winner.name if winner.variant else manifest.variant
    return derive(parent, target, variant=name, files=changed if winner.variant else {}, runtime=runtime).id
