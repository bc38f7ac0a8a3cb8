"""The whole contract of a task as plain data: what `modelworks tasks show` prints."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelworks.contracts import body as bodies
from modelworks.contracts import format as formats
from modelworks.contracts import metric as metrics
from modelworks.contracts import op as ops
from modelworks.contracts import task as tasks
from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.core import registry
from modelworks.core.errors import MissingExtra
from modelworks.kinds.base import named

if TYPE_CHECKING:
    from modelworks.contracts.task import Task

FAMILIES = "modelworks.stages.learn.families"
PERTURBATIONS = "modelworks.stages.evaluate.perturbations"


def contract(task: Task) -> dict[str, Any]:
    """Everything that a task is: kinds, formats, metrics, program, families, perturbations, starter, files."""
    perturbations = [registry.leaf(PERTURBATIONS, name, "PERTURBATION") for name in task.perturbations]
    plain: dict[str, Any] = {
        "name": task.name, "summary": task.summary, "aliases": list(task.aliases),
        "kinds": {role: _kind(getattr(task, role)) for role in ("input", "target", "prediction")},
        "formats": [_format(name) for name in task.formats],
        "metrics": [_metric(name) for name in task.metrics],
        "shapes": [shape for shape in (task.shape, *task.also) if shape],
        "parts": list(task.parts),
        "program": _program(task),
        "families": _families(task),
        "slices": list(task.slices),
        "perturbations": [{"name": one.name, "what": one.summary} for one in perturbations],
        "starter": _starter(task),
    }  # fmt: skip
    return plain | {"files": _files(task, plain)}


def _kind(name: str) -> dict[str, Any]:
    cls = named(name)
    fields = [
        {"name": field.encode_name, "type": _type(field.type), "required": field.required}
        for field in msgspec.structs.fields(cls)
    ]
    sample = msgspec.to_builtins(dict(cls.sample)) or None
    return {"kind": name, "what": _first_line(cls), "fields": fields, "media": list(cls.media), "sample": sample}


def _type(given: Any) -> str:
    if getattr(given, "__args__", None) is None:
        return str(getattr(given, "__name__", given))
    return str(given).replace("typing.", "").replace("modelworks.kinds.", "")


def _first_line(thing: Any) -> str:
    return " ".join((thing.__doc__ or "").split("\n\n")[0].split())


def _format(name: str) -> dict[str, Any]:
    leaf = formats.find(name)
    return {"name": name, "what": leaf.summary, "suffixes": list(leaf.suffixes), "writes": leaf.write is not None}


def _metric(name: str) -> dict[str, Any]:
    leaf = metrics.find(name)
    return {"name": name, "signature": leaf.signature, "higher_is_better": leaf.higher_is_better}


def _program(task: Task) -> list[dict[str, Any]]:
    """The task's calls around the place where a family puts its own."""
    program = _whole(task)
    reads = [{"call": "input", "in": list(program.inputs.values()), "out": list(program.inputs), "params": {}}]
    calls = [
        {"call": call.op or str(call.graph), "in": list(call.inputs), "out": list(call.outputs),
         "params": call.params}
        for call in program.calls
    ]  # fmt: skip
    leaves = {"call": "prediction", "in": list(program.outputs.values()), "out": list(program.outputs), "params": {}}
    return [*reads, *calls, leaves]


def _whole(task: Task) -> Program:
    """The program with a family as one call; for a task put together from others, the programs of these joined."""
    if task.parts and task.join is not None:
        return task.join([_whole(tasks.find(part)) for part in task.parts])
    family = Call(
        graph=f"a family of shape {task.shape}", inputs=bodies.READS[task.shape], outputs=bodies.LEAVES[task.shape]
    )
    labels = sorted({label for one in task.example() if one.target is not None for label in one.target.labels()})
    return task.program(labels, Body(shape=task.shape, before=(), after=(family,)))


def _families(task: Task) -> list[dict[str, Any]]:
    """Families that can learn it, with their options; without the extra `train`, families of its shape by name."""
    found: list[dict[str, Any]] = []
    for name in registry.names(FAMILIES):
        try:
            family = registry.leaf(FAMILIES, name, "FAMILY")
        except MissingExtra:
            if name.replace("-", "_") == task.shape:
                found.append({"name": name, "shape": task.shape, "options": None, "hint": "modelworks[train]"})
            continue
        if family.shape in (task.shape, *task.also):
            options = {"compact": _options(family.compact), "pretrained": _options(family.options)}
            found.append({"name": name, "shape": family.shape, "options": options})
    return found


def _options(recipe: type[Any]) -> dict[str, Any]:
    return {
        field.encode_name: msgspec.to_builtins(field.default)
        for field in msgspec.structs.fields(recipe)
        if field.default is not msgspec.NODEFAULT
    }


def _starter(task: Task) -> dict[str, Any] | None:
    from modelworks import starters

    return next((msgspec.to_builtins(one) for one in starters.listed() if one.name == task.starter), None)


def _files(task: Task, plain: dict[str, Any]) -> list[str]:
    """Where all of this is written, as paths from the package's folder."""
    kinds = [importlib.import_module(named(kind["kind"]).__module__).__name__ for kind in plain["kinds"].values()]
    used = [ops.find(call["call"]).run.__module__ for call in plain["program"] if call["call"] in ops.OPS]
    modules = [
        task.program.__module__, *kinds, *_leaves(formats.PACKAGE, task.formats),
        *_leaves(metrics.PACKAGE, task.metrics), *used,
        *_leaves(FAMILIES, (family["name"] for family in plain["families"])),
        *_leaves(PERTURBATIONS, task.perturbations),
    ]  # fmt: skip
    root = registry.folder_of("modelworks").parent
    return [_relative(registry.source_of(module), root) for module in dict.fromkeys(modules)]


def _leaves(package: str, names: Iterable[str]) -> list[str]:
    stems = [name.replace("-", "_") for name in names]
    return [f"{package}.{stem}" for stem in stems if (registry.folder_of(package) / f"{stem}.py").is_file()]


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
