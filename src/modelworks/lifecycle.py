"""The plan as data: which steps there are, what each takes, and which code it depends on. Stages are dotted strings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.step import External, From, Plan, Step
from modelworks.core import config, lock, paths, registry
from modelworks.dataset.fingerprint import fingerprint
from modelworks.pipeline.keys import all_keys
from modelworks.pipeline.store import RELEASES, Store, open_store

# Rooms whose source is part of the version of every step that runs the Predictor.
RUNTIME = ("modelworks.bundle", "modelworks.ops", "modelworks.kinds")


def plan(project: Path, settings: config.Project) -> Plan:
    """The steps of one project, in order; reads the sources' fingerprint and the lock, and runs nothing."""
    leaf = task_code(settings.task)
    source = fingerprint(project, msgspec.to_builtins(settings.data))
    making = (*_making(settings, leaf, source, _weights(project, settings.train.model)), _optimize(settings, leaf))
    store = open_store(project, settings.store)
    champion = baseline(project, Plan(steps=making), store)
    compared = None
    if champion is not None:
        bring_bundle(project, store, champion)
        compared = _compared(project, settings, leaf, champion, making, store)
    return Plan(steps=(*making, *_judging(settings, leaf, champion, compared), _release(settings, champion)))


def order(settings: config.Project) -> dict[str, tuple[str, ...]]:
    """Step -> the steps that must be done before it, for systems that call them one by one (`modelworks step`).

    The same before and after a first release: `champion` is among them, and has nothing to do while there is none. It
    waits for the candidate, which decides what it is compared with (`baseline`)."""
    making = (*_making(settings, (), "", {}), _optimize(settings, ()))
    judging = _judging(settings, (), "", _evaluating("champion", settings, (), External(path=".", digest="")))
    steps = (*making, *judging, _release(settings, ""))
    before = {step.name: [value.step for value in step.inputs.values() if isinstance(value, From)] for step in steps}
    before["champion"].append("optimize")
    return {name: tuple(dict.fromkeys(others)) for name, others in before.items()}


def share_bundles(project: Path, store: Store) -> None:
    """Put the released bundles of this machine where other machines find them."""
    for pin in lock.read(project).releases if store.remote else ():
        if (folder := paths.bundle(project, pin.bundle)).is_dir():
            store.share(RELEASES, pin.bundle, folder)


def bring_bundle(project: Path, store: Store, bundle: str) -> Path:
    """The folder of a released bundle, fetched where another machine shared it; it may still be absent."""
    return store.fetch(RELEASES, bundle, paths.bundle(project, bundle))


def baseline(project: Path, making: Plan, store: Store) -> str | None:
    """The bundle the gate compares with: the champion, or, for a candidate that was released before, the champion of
    that time, so that the same plan keeps the same keys."""
    pinned = lock.read(project)
    keys = all_keys(making)
    if store.has("optimize", keys["optimize"]):
        candidate = store.record("optimize", keys["optimize"]).facts.get("bundle")
        for pin in reversed(pinned.releases):
            if pin.bundle == candidate:
                return pin.baseline
    champion = pinned.pin("champion")
    return champion.bundle if champion else None


def task_code(name: str) -> tuple[str, ...]:
    """The modules whose source is a task's version: its leaf, and what leaves of that folder share."""
    shared = sorted(path.stem for path in registry.folder_of("modelworks.tasks").glob("_*.py"))
    return (task_module(name), *(f"modelworks.tasks.{stem}" for stem in shared if stem != "__init__"))


def task_module(name: str) -> str:
    """The module of a task's leaf, for the version of the steps that use it; found without importing it if it can."""
    stem = name.replace("-", "_")
    if (registry.folder_of("modelworks.tasks") / f"{stem}.py").is_file():
        return f"modelworks.tasks.{stem}"
    for point in registry.added("modelworks.tasks"):
        if point.name == name:
            return str(point.module)
    from modelworks.contracts import task

    return task_module(task.find(name).name)


def _making(
    settings: config.Project, leaf: tuple[str, ...], source: str, weights: dict[str, From | External]
) -> tuple[Step, ...]:
    data = msgspec.to_builtins(settings.data)
    train = msgspec.to_builtins(settings.train)
    shown = {name: train.pop(name) for name in ("tensorboard", "workers")}
    return (
        Step(
            name="prepare", run="modelworks.stages.prepare:run", result="dataset",
            inputs={"source": External(path=".", digest=source)},
            params={"task": settings.task, "data": data},
            code=("modelworks.dataset", "modelworks.formats", "modelworks.kinds", "modelworks.ops.image", *leaf),
        ),
        Step(
            name="train", run="modelworks.stages.learn:train", result="checkpoint",
            inputs={"dataset": From("prepare"), **weights},
            params={"task": settings.task, "train": train}, unkeyed=shown,
            code=(*RUNTIME, "modelworks.metrics", *leaf),
        ),
        Step(
            name="export", run="modelworks.stages.learn:export", result="bundle",
            inputs={"dataset": From("prepare"), "checkpoint": From("train")},
            params={"task": settings.task, "name": settings.name},
            code=(*RUNTIME, *leaf),
        ),
    )  # fmt: skip


def _weights(project: Path, model: str) -> dict[str, From | External]:
    """The input of training that a folder of weights is: other files in it are another training."""
    if model == "compact" or not (project / model).is_dir():
        return {}
    return {"weights": External(path=model, digest=fingerprint(project, {"source": [model]}))}


def _optimize(settings: config.Project, leaf: tuple[str, ...]) -> Step:
    return Step(
        name="optimize", run="modelworks.stages.optimize:run", result="bundle",
        inputs={"dataset": From("prepare"), "bundle": From("export")},
        params={"task": settings.task, "optimize": msgspec.to_builtins(settings.optimize)},
        code=(*RUNTIME, "modelworks.metrics", *leaf),
    )  # fmt: skip


def _evaluating(name: str, settings: config.Project, leaf: tuple[str, ...], bundle: From | External) -> Step:
    return Step(
        name=name, run="modelworks.stages.evaluate:run", result="report",
        inputs={"dataset": From("prepare"), "bundle": bundle},
        params={"task": settings.task, "evaluate": msgspec.to_builtins(settings.evaluate)},
        code=(*RUNTIME, "modelworks.metrics", *leaf),
    )  # fmt: skip


def _judging(
    settings: config.Project, leaf: tuple[str, ...], champion: str | None, compared: Step | None
) -> tuple[Step, ...]:
    """`compared` scores the champion; without it (as in a fresh clone) the gate says so."""
    gate: dict[str, From | External] = {
        "candidate": From("evaluate"), "optimized": From("optimize"), "dataset": From("prepare"),
    }  # fmt: skip
    if compared is not None:
        gate["champion"] = From(compared.name)
    judge: dict[str, Any] = {
        "task": settings.task, "evaluate": msgspec.to_builtins(settings.evaluate), "gate": settings.gate,
        "absent": champion if compared is None else None,
    }  # fmt: skip
    return (
        _evaluating("evaluate", settings, leaf, From("optimize")),
        *([compared] if compared is not None else []),
        Step(
            name="gate", run="modelworks.stages.evaluate.gate:run", result="verdict", inputs=gate, params=judge,
            code=("modelworks.metrics",),
        ),
    )  # fmt: skip


def _compared(
    project: Path,
    settings: config.Project,
    leaf: tuple[str, ...],
    champion: str,
    making: tuple[Step, ...],
    store: Store,
) -> Step | None:
    """The step that scores the champion; None where there is neither its bundle nor its report."""
    holder = _holder(project, champion, store)
    bundle = External(path=str((holder or project).relative_to(project)), digest=champion)
    step = _evaluating("champion", settings, leaf, bundle)
    known = holder or store.has("champion", all_keys(Plan(steps=(*making, step)))["champion"])
    return step if known else None


def _holder(project: Path, bundle: str, store: Store) -> Path | None:
    """Where a released bundle lies: kept, or still in the store (all that a cache of CI brings back)."""
    if (kept := paths.bundle(project, bundle)).is_dir():
        return kept
    made = (record for record in store.records("optimize") if record.facts.get("bundle") == bundle)
    return next((store.path("optimize", record.key) for record in made), None)


def _release(settings: config.Project, champion: str | None) -> Step:
    return Step(
        name="release", run="modelworks.stages.release:run", result="release",
        inputs={
            "verdict": From("gate"), "bundle": From("optimize"), "report": From("evaluate"),
            "checkpoint": From("train"), "dataset": From("prepare"),
        },
        params={"name": settings.name, "task": settings.task, "baseline": champion},
        unkeyed={"release": msgspec.to_builtins(settings.release)},
    )  # fmt: skip
