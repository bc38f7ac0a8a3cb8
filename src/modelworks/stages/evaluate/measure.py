"""One bundle on one stream of labelled examples: everything a report says."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from modelworks.contracts import metric as metrics
from modelworks.contracts.metric import Metric
from modelworks.contracts.task import Task
from modelworks.core.config import Evaluate
from modelworks.core.errors import DataError
from modelworks.core.progress import Progress, Silent
from modelworks.kinds import Example, Judgement, Kind
from modelworks.stages.evaluate import robustness, slices
from modelworks.stages.evaluate.calibration import calibration
from modelworks.stages.evaluate.examples import Gallery
from modelworks.stages.evaluate.intervals import interval
from modelworks.stages.evaluate.judge import confusions
from modelworks.stages.evaluate.predict import predictions
from modelworks.stages.evaluate.statistics import Table

if TYPE_CHECKING:
    from modelworks.bundle import Predictor

Examples = Callable[[], Iterable[Example]]
"""Gives the labelled examples from the start, each time it is called."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A report before it is written."""

    report: dict[str, Any]
    table: Table
    examples: dict[str, Any]


@dataclass(slots=True)
class _Seen:
    """What is kept of the stream: statistics and traits, no inputs but those that are shown."""

    ids: list[str] = field(default_factory=list)
    columns: dict[str, list[np.ndarray]] = field(default_factory=dict)
    traits: slices.Traits = field(default_factory=slices.Traits)
    judgements: list[Judgement] = field(default_factory=list)
    gallery: Gallery = field(default_factory=Gallery)


def evaluate(
    predictor: Predictor, task: Task, examples: Examples, settings: Evaluate, progress: Progress | None = None,
    known: Container[str] | None = None,
) -> Evaluation:  # fmt: skip
    """Score a bundle on labelled examples; a DataError when there are none. `known` are the words of the training
    split, for slices by words that it lacks."""
    progress = progress or Silent()
    scorers = [metrics.find(name) for name in task.metrics]
    progress.start("evaluate: predictions", unit="examples")
    seen = _watch(predictor, scorers, _labelled(examples()), progress, known)
    if not seen.ids:
        raise DataError("there is no labelled example to evaluate on", where="test split", hint="modelworks data show")
    table, parts = _slices(seen, task, scorers, settings)
    given, right = _scored(seen.judgements)
    report = {
        "task": task.name,
        "bundle": predictor.manifest.id,
        "examples": len(seen.ids),
        "primary": scorers[0].name,
        "confidence": settings.confidence,
        "resamples": settings.resamples,
        "labels": list(predictor.manifest.labels),
        "scores": scores(scorers, seen.columns, np.arange(len(seen.ids)), settings),
        "slices": parts,
        "robustness": _robustness(predictor, task, scorers[0], examples, seen, settings, progress),
        "calibration": calibration(given, right, settings.confidence, settings.resamples),
        "confusions": confusions(seen.judgements),
    }
    return Evaluation(_plain(report), table, seen.gallery.render(task))


def scores(
    scorers: list[Metric], columns: dict[str, list[np.ndarray]], where: np.ndarray, settings: Evaluate
) -> dict[str, Any]:
    """Metric -> {value, low, high, signature, higher_is_better} over the examples at positions `where`."""
    found = {}
    for metric in scorers:
        one = interval(metric, [columns[metric.name][i] for i in where], settings.confidence, settings.resamples)
        found[metric.name] = {
            "value": one.value, "low": one.low, "high": one.high,
            "signature": metric.signature, "higher_is_better": metric.higher_is_better,
        }  # fmt: skip
    return found


def _labelled(stream: Iterable[Example]) -> Iterator[Example]:
    return (example for example in stream if example.target is not None)


def _watch(
    predictor: Predictor, scorers: list[Metric], stream: Iterator[Example], progress: Progress,
    known: Container[str] | None,
) -> _Seen:  # fmt: skip
    seen = _Seen(columns={metric.name: [] for metric in scorers})
    labels = predictor.manifest.labels
    for example, prediction in predictions(predictor, stream):
        target = cast(Kind, example.target)  # _labelled left only these
        seen.ids.append(example.id)
        for metric in scorers:
            kept = metric.statistics(target, prediction, labels, example.input)
            seen.columns[metric.name].append(np.asarray(kept, np.float64))
        seen.traits.add(example.input.size(), target.labels(), _meta(example, known))
        found = prediction.judgements(target)
        seen.judgements.extend(found or ())
        seen.gallery.add(example, prediction, found, _badness(scorers[0], seen) if found is None else 0.0)
        progress.advance()
    return seen


def _meta(example: Example, known: Container[str] | None) -> Mapping[str, str]:
    if known is None:
        return example.meta
    some = any(word not in known for word in example.input.words())
    return {**example.meta, slices.UNKNOWN: "some" if some else "none"}


def _badness(metric: Metric, seen: _Seen) -> float:
    """How bad the latest example is under the metric alone, in [0, 1]."""
    alone = float(metric.score(seen.columns[metric.name][-1:], np.ones((1, 1)))[0])
    spread = metric.ceiling - metric.floor
    if not math.isfinite(alone) or not math.isfinite(spread):
        return 0.0
    share = (alone - metric.floor) / spread
    return 1 - share if metric.higher_is_better else share


def _slices(seen: _Seen, task: Task, scorers: list[Metric], settings: Evaluate) -> tuple[Table, list[dict[str, Any]]]:
    given = slices.given(seen.traits, task.slices, settings.slices)
    bad = {(one.column, one.value): one for one in slices.found(given, scorers[0], seen.columns[scorers[0].name])}
    known = {(one.column, one.value) for one in given}
    every = [*given, *(one for key, one in bad.items() if key not in known)]
    entries = []
    for one in every:
        key, where = (one.column, one.value), np.flatnonzero(one.members)
        entry = {"column": one.column, "value": one.value, "examples": len(where), "given": key in known}
        entry |= {"found": key in bad, "p": bad[key].p if key in bad else None}
        entries.append({**entry, "scores": scores(scorers, seen.columns, where, settings)})
    n = len(seen.ids)
    members = np.stack([one.members for one in every]) if every else np.zeros((0, n), bool)
    return Table(tuple(seen.ids), seen.columns, members), entries


def _scored(judgements: list[Judgement]) -> tuple[list[float], list[bool]]:
    given = [one for one in judgements if one.score is not None]
    return [float(one.score or 0.0) for one in given], [one.right for one in given]


def _robustness(
    predictor: Predictor, task: Task, metric: Metric, examples: Examples, seen: _Seen, settings: Evaluate,
    progress: Progress,
) -> list[dict[str, Any]]:  # fmt: skip
    if not settings.robustness or not task.perturbations:
        return []
    n = len(seen.ids)
    picked = set(np.random.default_rng(0).permutation(n)[: robustness.MOST].tolist())
    column = seen.columns[metric.name]
    sample = [(one, column[i]) for i, one in enumerate(_labelled(examples())) if i in picked]
    progress.start("evaluate: robustness", total=len(task.perturbations), unit="perturbations")
    found = []
    for name in task.perturbations:
        found.append(robustness.drop(name, predictor, sample, metric, settings.confidence, settings.resamples))
        progress.advance()
    return found


def _plain(value: Any) -> Any:
    """Plain data without NaN, which JSON does not have: None where a figure is not defined."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def open_predictor(folder: Path) -> Predictor:
    """The bundle's Predictor; the bundle room is imported at first use, since it brings the inference engine."""
    from modelworks.bundle import Predictor as Opened

    return Opened.open(folder)
