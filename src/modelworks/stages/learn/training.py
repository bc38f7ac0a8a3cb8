"""The train stage: dataset -> checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from modelworks.bundle import open_resources
from modelworks.contracts import task as tasks
from modelworks.contracts.family import Family, Front, Recipe, Source
from modelworks.contracts.step import Work
from modelworks.contracts.task import Task
from modelworks.core import config, registry
from modelworks.core.errors import ConfigError, DataError
from modelworks.core.progress import Progress
from modelworks.dataset import Dataset
from modelworks.kinds import Example
from modelworks.stages.learn import checkpoint, launching, machine, rows, sources
from modelworks.stages.learn.fit import Fitted, fit
from modelworks.stages.learn.judge import Judge
from modelworks.stages.learn.ranks import ALONE, Ranks
from modelworks.stages.learn.setting import Setting
from modelworks.stages.learn.tune import elsewhere, tune

FAMILIES = "modelworks.stages.learn.families"
_WRITING = 0.02
"""Share of the budget kept for writing the checkpoint."""


def run(work: Work) -> dict[str, Any]:
    """Train; facts: score, metric, steps, how long."""
    wish, *_, options = _wanted(work)
    with machine.watched(work.output / machine.FILE):
        if options.processes == 1:
            return learn(work, ALONE)
        return launching.run(work, options.processes, config.workers(wish))


def learn(work: Work, ranks: Ranks) -> dict[str, Any]:
    """Train as one of some processes; the one that leads writes the checkpoint and gives the facts."""
    with recorded(work, ranks) as progress:
        return _learn(work, ranks, progress)


@contextmanager
def recorded(work: Work, ranks: Ranks) -> Iterator[Progress]:
    """The work's progress; where the project asks for it, kept for TensorBoard too."""
    folder = work.params.get("tensorboard")
    if not folder or not ranks.leads:
        yield work.progress
        return
    kept: Any = registry.load("modelworks.stages.learn.tensorboard:Recorded")
    made = kept(work.progress, work.project / folder / time.strftime("%Y-%m-%d-%H-%M-%S"))
    try:
        yield made
    finally:
        made.close()


def _learn(work: Work, ranks: Ranks, progress: Progress) -> dict[str, Any]:
    began = time.monotonic()
    wish, dataset, setting, options = prepared(work, ranks, progress)
    system = config.workers(wish)
    deadline = began + config.seconds(wish.budget, "train.budget") * (1 - _WRITING)
    if wish.tune is not None and system is not None:
        options, fitted = elsewhere(setting, options, wish.tune, deadline, work, system)
    elif wish.tune is not None:
        options, fitted = tune(setting, options, wish.tune, deadline, work.scratch)
    else:
        fitted = fit(setting, options, deadline, work.scratch)
    if not ranks.leads:
        return {}
    checkpoint.write(work.output, setting, options, fitted, dataset)
    return facts(setting, fitted, time.monotonic() - began)


def prepared(work: Work, ranks: Ranks, progress: Progress) -> tuple[config.Train, Dataset, Setting, Recipe]:
    """(what the project asks for, the data, all that a training needs but the network, its options)."""
    wish, task, family, source, options = _wanted(work)
    dataset = Dataset.open(work.inputs["dataset"])
    setting = _setting(work, task, family, source, options, dataset, wish.seed, ranks, progress)
    return wish, dataset, setting, options


def _wanted(work: Work) -> tuple[config.Train, Task, Family, Source, Recipe]:
    """What the project asks for; a ConfigError where its parts do not go together."""
    where = work.params.get("workers")
    wish = msgspec.convert({**work.params["train"], "workers": where}, config.Train)
    task = tasks.find(work.params["task"])
    family: Family = registry.leaf(FAMILIES, wish.family or task.shape, "FAMILY")
    if family.shape not in (task.shape, *task.also):
        message = f"{task.name} is learned by families of shape {' or '.join((task.shape, *task.also))}"
        raise ConfigError(message, where="train.family", seen=family.name)
    source = sources.resolve(wish.model, work.project)
    options = options_of(family, source, wish.options)
    _together(options, wish)
    return wish, task, family, source, options


def _together(options: Recipe, wish: config.Train) -> None:
    where, seen = "train.options.processes", options.processes
    if seen < 1:
        raise ConfigError("a training has at least one process", where=where, seen=seen)
    if seen > 1 and wish.tune is not None:
        hint = "tune with processes: 1, then train with what it found"
        raise ConfigError("a search of options trains in one process", where=where, seen=seen, hint=hint)
    if wish.tune is not None and wish.tune.at_once > 1 and wish.workers is None:
        hint = "train: {workers: {name: ray, options: {address: …}}}"
        raise ConfigError("trials at once need workers", where="train.tune.at_once", seen=wish.tune.at_once, hint=hint)
    if options.shard == "full" and seen == 1:
        hint = "train: {options: {processes: 2}}"
        raise ConfigError("weights are parted among processes, and there is one", where=where, seen=seen, hint=hint)


def options_of(family: Family, source: Source, given: dict[str, Any]) -> Recipe:
    """The family's options with the project's; a ConfigError for one that it does not have."""
    struct = family.compact if source.compact else family.options
    known = [field.encode_name for field in msgspec.structs.fields(struct)]
    for name in given:
        if name not in known:
            raise ConfigError(f"{family.name} has no such option", where="train.options", seen=name, allowed=known)
    try:
        return msgspec.convert(given, struct, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"not a valid option: {error}", where="train.options", seen=given) from error


def _setting(
    work: Work, task: Task, family: Family, source: Source, options: Recipe, dataset: Dataset, seed: int, ranks: Ranks,
    progress: Progress,
) -> Setting:  # fmt: skip
    progress.start("looking at the data")
    front = family.prepare(dataset.examples("train"), source, options, work.output)
    judge = judge_of(task, family, dataset, front, work.output, _dev(dataset, options.scored))
    reader = rows.Reader(task, dataset, front.body, judge.interpreter, work.cache)
    training = family.numericalize(reader.read("train", progress), front, work.output)
    classes = task.classes(dataset.labels)
    counts = rows.class_counts(training, len(classes)) if classes else np.zeros(0, np.int64)
    return Setting(
        task=task, family=family, source=source, front=front, classes=classes, rows=training, counts=counts,
        judge=judge, folder=work.output, seed=seed, progress=progress, ranks=ranks,
    )  # fmt: skip


def judge_of(
    task: Task, family: Family, dataset: Dataset, front: Front, folder: Path, examples: list[Example]
) -> Judge:
    """The judge over the whole program, with the front's resources in `folder`."""
    program = task.program(dataset.labels, front.body)
    program.check(set(program.graphs), {resource.name for resource in front.resources})
    return Judge(task, dataset.labels, program, open_resources(folder, front.resources), family.graphs, examples)


def _dev(dataset: Dataset, most: int) -> list[Example]:
    """At most so many dev examples, taken evenly."""
    examples = list(dataset.examples("dev"))
    if not examples:
        raise DataError(
            "there is no dev split to choose the best weights by", where="dataset", seen=dataset.splits,
            hint="set data.dev: 0.1 (a share) or give files",
        )  # fmt: skip
    step = max(1.0, len(examples) / most)
    return [examples[int(i * step)] for i in range(min(len(examples), most))]


def facts(setting: Setting, fitted: Fitted, seconds: float) -> dict[str, Any]:
    """What is shown and stored of a run."""
    return {
        "metric": setting.judge.primary, "dev": round(fitted.score, 6), "kept": fitted.how, "steps": fitted.steps,
        "examples": len(setting.rows), "model": setting.source.name, "seconds": round(seconds, 1),
    }  # fmt: skip
