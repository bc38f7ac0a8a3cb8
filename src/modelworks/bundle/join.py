"""Bundles put together into one that does what none of them does alone (`Task.parts`)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from modelworks.bundle import card, collection, indexing, selftest, sessions
from modelworks.bundle import write as writing
from modelworks.bundle.encoder import Encoder
from modelworks.bundle.manifest import NAME, SIGNATURE, Draft, Manifest
from modelworks.bundle.profile import NAME as PROFILE
from modelworks.bundle.verify import verify_folder
from modelworks.contracts.family import Resource
from modelworks.contracts.program import Call, Program, aliased
from modelworks.contracts.task import Task
from modelworks.core.errors import BundleError

SAMPLE = "collection"
_OWN = (NAME, SIGNATURE, card.NAME, selftest.NAME, PROFILE)
"""Files that say something of one bundle alone."""


def join(task: Task, parts: Sequence[Path], folder: Path, *, name: str = "") -> Manifest:
    """Put bundle folders together into a bundle of `task` in an empty folder. Their programs become one, their
    files lie side by side, their licences add up; the self-test searches the sample collection of the task or a part.

    A BundleError for bundles of other tasks than `task.parts` names."""
    manifests = [verify_folder(path) for path in parts]
    if [one.task for one in manifests] != list(task.parts) or task.join is None:
        raise BundleError(
            f"{task.name} is put together from other bundles", where=str(folder), seen=[one.task for one in manifests],
            allowed=list(task.parts) or "none: it is learnt",
        )  # fmt: skip
    for path, manifest in zip(parts, manifests, strict=True):
        _copy(path, manifest, folder)
    draft = _draft(task, task.join([_apart(one.program, one) for one in manifests]), manifests, name)
    if task.documents is not None and not any(one.name == SAMPLE for one in draft.resources):
        draft = _sampled(task, draft, folder)
    inputs = [example.input for example in task.example()]
    interpreter = sessions.interpreter(folder, draft)
    selftest.record_selftest(folder, inputs, [interpreter.run([value])[0] for value in inputs])
    return writing.write(folder, draft)


def _copy(path: Path, manifest: Manifest, folder: Path) -> None:
    for relative in manifest.files:
        if relative in _OWN:
            continue
        target = folder / (relative if relative.startswith(f"{SAMPLE}/") else f"{manifest.task}/{relative}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path / relative, target)


def _draft(task: Task, program: Program, parts: Sequence[Manifest], name: str) -> Draft:
    graphs = [
        msgspec.structs.replace(one, name=f"{part.task}.{one.name}", file=f"{part.task}/{one.file}")
        for part in parts
        for one in part.graphs
    ]
    licences = {msgspec.json.encode(one): one for part in parts for one in part.licences}
    return Draft(
        name=name or task.name, task=task.name, input=task.input, target=task.target, prediction=task.prediction,
        labels=(), program=program, graphs=tuple(graphs), metrics=task.metrics, limits=parts[0].limits,
        resources=tuple(_resource(one, part) for part in parts for one in part.resources), runtime=parts[0].runtime,
        licences=tuple(licences.values()), provenance={"parts": {part.task: part.id for part in parts}},
    )  # fmt: skip


def _resource(one: Resource, part: Manifest) -> Resource:
    if one.type == "collection":
        return one
    return msgspec.structs.replace(one, name=f"{part.task}.{one.name}", file=f"{part.task}/{one.file}")


def _apart(program: Program, part: Manifest) -> Program:
    """The program with its variables, graphs and resources named by their part, so that programs can be one."""
    shared = {one.name for one in part.resources if one.type == "collection"}
    prefix = part.task

    def of(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{prefix}.{name}" for name in names)

    def reached(entry: str) -> str:
        local, known = aliased(entry)
        return entry if known in shared else f"{local}={prefix}.{known}"

    calls = tuple(
        Call(
            inputs=of(call.inputs), outputs=of(call.outputs), op=call.op, params=call.params,
            graph=f"{prefix}.{call.graph}" if call.graph else None, graphs=tuple(map(reached, call.graphs)),
            resources=tuple(map(reached, call.resources)),
        )
        for call in program.calls
    )  # fmt: skip
    return Program(
        inputs={f"{prefix}.{name}": field for name, field in program.inputs.items()}, calls=calls,
        outputs={field: f"{prefix}.{name}" for field, name in program.outputs.items()},
        length=f"{prefix}.{program.length}" if program.length else None,
        state={f"{prefix}.{old}": f"{prefix}.{new}" for old, new in program.state.items()},
    )  # fmt: skip


def _sampled(task: Task, draft: Draft, folder: Path) -> Draft:
    """The draft with the task's own documents as sample collection."""
    assert task.documents is not None
    encoder = Encoder.of(folder, draft, writing.hashed(folder))
    indexing.create(folder / SAMPLE, encoder, task.documents(), dtype="float32")
    entry = Resource(name=SAMPLE, file=f"{SAMPLE}/{collection.NAME}", type="collection")
    return msgspec.structs.replace(draft, resources=(*draft.resources, entry))
