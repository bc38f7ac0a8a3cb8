"""The export stage: checkpoint -> bundle, checked against torch."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from modelworks.bundle import Draft, Licence, Predictor, record_profile, record_selftest, write
from modelworks.contracts import task as tasks
from modelworks.contracts.family import Family
from modelworks.contracts.program import Program
from modelworks.contracts.step import Work
from modelworks.contracts.task import Task
from modelworks.core import registry
from modelworks.dataset import Dataset
from modelworks.kinds import Kind
from modelworks.stages.learn import calibrate
from modelworks.stages.learn import checkpoint as checkpoints
from modelworks.stages.learn.judge import Judge
from modelworks.stages.learn.parity import check
from modelworks.stages.learn.training import FAMILIES, judge_of

_RECORDED = 64
"""Dev examples whose answers are recorded and compared."""
_PROFILED = 2000
_LONG = 1000
"""Size of an input beyond which a shorter one is recorded in its place: a bundle tries them each time it is opened."""


def run(work: Work) -> dict[str, Any]:
    """Export; facts: size of the bundle, largest difference from torch."""
    source = work.inputs["checkpoint"]
    facts = checkpoints.read(source)
    task, dataset = tasks.find(work.params["task"]), Dataset.open(work.inputs["dataset"])
    family: Family = registry.leaf(FAMILIES, facts.family, "FAMILY")
    module = checkpoints.module(source, facts, family)
    examples = list(dataset.examples("dev"))[: min(_PROFILED, facts.options["scored"])]
    judge = judge_of(task, family, dataset, facts.front, source, examples)
    program, predictions = _calibrated(task, judge, module, dataset)
    folder = work.output / "bundle"
    folder.mkdir()
    work.progress.start("exporting")
    graphs = family.export(module, folder)
    if (source / "resources").is_dir():
        shutil.copytree(source / "resources", folder / "resources")
    inputs = [example.input for example in examples]
    recorded, answers = inputs[:_RECORDED], predictions[:_RECORDED]
    if any(value.size() > _LONG for value in recorded):
        recorded = [(value.shorter() or value) if value.size() > _LONG else value for value in recorded]
        answers = judge_of(task, family, dataset, facts.front, source, []).answers(module, program, recorded)
    record_selftest(folder, recorded, answers)
    record_profile(folder, inputs, predictions)
    draft = Draft(
        name=work.params["name"], task=task.name, input=task.input, target=task.target, prediction=task.prediction,
        labels=dataset.labels, program=program, graphs=graphs, resources=facts.front.resources,
        metrics=task.metrics, provenance=_provenance(work.project, facts, dataset, program),
        licences=tuple(msgspec.convert(licence, Licence) for licence in facts.licences),
    )  # fmt: skip
    manifest = write(folder, draft)
    difference = check(Predictor.open(folder), recorded, answers)
    size = sum(file.bytes for file in manifest.files.values())
    return {"bundle": manifest.id, "bytes": size, "difference": difference, "dev": judge.value(predictions)}


def _calibrated(task: Task, judge: Judge, module: Any, dataset: Dataset) -> tuple[Program, list[Kind]]:
    """The program with its last parameters found on the dev split, and its predictions there."""
    _, program, predictions = judge.best(module)
    if not calibrate.wanted(program):
        return program, predictions
    targets = [example.target for example in judge.examples if example.target is not None]
    labels = [task.encode(target, {}, dataset.labels)["labels"] for target in targets]
    program = calibrate.finished(program, judge.logits(), np.stack(labels))
    return program, judge.replay(program)


def _provenance(project: Path, facts: checkpoints.Checkpoint, dataset: Dataset, program: Program) -> dict[str, Any]:
    return {
        "commit": _commit(project), "dataset": {"id": dataset.id, "version": dataset.version},
        "model": facts.source, "family": facts.family, "options": facts.options, "seed": facts.seed,
        "versions": facts.versions, "dev": {facts.metric: facts.score}, "calibration": calibrate.found(program),
    }  # fmt: skip


def _commit(project: Path) -> str:
    """The project's Git commit, with `+` when files are changed; empty outside of Git."""
    try:
        call = ["git", "-C", str(project), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
        return subprocess.run(call, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
