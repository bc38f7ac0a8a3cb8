"""What stands before a foreign model: the task's program around it, and how its inputs are fed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct

from modelworks.bundle import Interpreter, Predictor, Runtime, open_resources
from modelworks.contracts.body import Body
from modelworks.contracts.family import Resource
from modelworks.contracts.foreign import Foreign, Port, Request
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.core.errors import ConfigError
from modelworks.kinds import Kind
from modelworks.stages.learn import base, image_body
from modelworks.stages.learn.adapting import Inlet

TOKENIZER = Resource(name="tokenizer", file="resources/tokenizer.json", type="tokenizer")


class Reading(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How inputs are brought to a model whose file does not say it."""

    tokenizer: str = ""
    """A tokenizer.json: the one the model was trained with."""
    max_length: int = 128
    """Most subwords of a text. A model without a mask gets texts filled up to exactly that many."""
    pad: int = 0
    """The subword that fills up."""
    size: int = 0
    """Height and width of pictures, where the model's file does not fix them."""
    layout: Literal["", "channels-first", "channels-last"] = ""
    """Of pictures; from the model's shape where it tells."""
    interpolation: str = "cubic"
    divide: float = 1.0
    """A picture's values 0…255 are divided by it…"""
    mean: tuple[float, ...] = ()
    """…less the mean of each channel…"""
    std: tuple[float, ...] = ()
    """…over the deviation of each."""


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """A program with one graph left open."""

    program: Program
    resources: tuple[Resource, ...]
    graph: str
    outputs: tuple[str, ...]
    labels: tuple[str, ...]
    runtime: Runtime

    def feeds(self, folder: Path, task: Task, inputs: Sequence[Kind]) -> dict[str, np.ndarray]:
        """What the open graph is fed for some inputs, as one batch."""
        found: dict[str, np.ndarray] = {}

        def graph(arrays: Mapping[str, np.ndarray]) -> Any:
            found.update(arrays)
            raise _Fed

        try:
            self.over(folder, task, graph).run(inputs)
        except _Fed:
            return found
        raise AssertionError("a program with a graph runs it")

    def over(self, folder: Path, task: Task, graph: Any) -> Interpreter:
        """The program with a graph in the place left open, and its resources under `folder`."""
        return Interpreter(
            self.program, {self.graph: graph}, open_resources(folder, self.resources),
            input=task.input, prediction=task.prediction,
        )  # fmt: skip


class _Fed(Exception):
    """The graph has been reached."""


def make(task: Task, foreign: Foreign, request: Request, folder: Path) -> Entrance:
    """The entrance for a model; its resource files are written under `folder`."""
    if foreign.front is not None:
        assert foreign.folder is not None
        if (foreign.folder / "resources").is_dir():
            shutil.copytree(foreign.folder / "resources", folder / "resources")
        return _around(task, foreign.front.body, foreign.front.resources, request.labels)
    if request.like is not None:
        return _like(request.like, request.labels, folder)
    reading = reading_of(request)
    if task.shape == "image":
        return _around(task, _picture_body(foreign.inputs, reading), (), request.labels)
    if task.shape == "sequence":
        if not reading.tokenizer:
            raise ConfigError(
                "a model of texts needs the tokenizer it was trained with", where="--set",
                hint="--set tokenizer=FOLDER/tokenizer.json, or --like a bundle that reads texts the same way",
            )  # fmt: skip
        (folder / "resources").mkdir()
        shutil.copyfile(reading.tokenizer, folder / TOKENIZER.file)
        return _around(task, _text_body(foreign.inputs, reading), (TOKENIZER,), request.labels)
    raise ConfigError(
        f"how {task.name} brings its inputs to a foreign model is not known", where="--like",
        hint="give --like a bundle of the same task whose network reads and leaves the same tensors",
    )  # fmt: skip


def reading_of(request: Request) -> Reading:
    """The user's options as a Reading; a ConfigError for one there is not."""
    known = [field.encode_name for field in msgspec.structs.fields(Reading)]
    for name in request.options:
        if name not in known:
            raise ConfigError("an import has no such option", where="--set", seen=name, allowed=known)
    try:
        return msgspec.convert(request.options, Reading)
    except msgspec.ValidationError as error:
        raise ConfigError(f"not a valid option: {error}", where="--set", seen=request.options) from error


def inlets(foreign: Foreign, feeds: Mapping[str, np.ndarray], reading: Reading) -> list[Inlet]:
    """How each input of the model is fed from the program's variables, in the model's order."""
    names = _matched([port.name for port in foreign.inputs], list(feeds))
    return [_inlet(port, name, feeds[name], reading) for port, name in zip(foreign.inputs, names, strict=True)]


def shaped(inlet: Inlet, array: np.ndarray) -> np.ndarray:
    """A variable of the program as the model itself takes it: what the rewritten graph does, in numpy."""
    if not inlet.picture:
        return array.astype(inlet.dtype)
    values: np.ndarray = array.astype(np.float32) / np.float32(inlet.divide)
    if inlet.mean:
        values = values - np.array(inlet.mean, np.float32)
    if inlet.std:
        values = values / np.array(inlet.std, np.float32)
    values = values.transpose(0, 3, 1, 2) if inlet.channels_first else values
    return np.ascontiguousarray(values.astype(inlet.dtype))


def _around(task: Task, body: Body, resources: tuple[Resource, ...], labels: tuple[str, ...]) -> Entrance:
    calls = [call for call in body.calls if call.graph]
    if len(calls) != 1 or any(call.graphs for call in body.calls):
        raise ConfigError("only networks of one graph, run once, can be imported", where="--family", seen=body.shape)
    return Entrance(
        program=task.program(labels, body), resources=resources, graph=str(calls[0].graph),
        outputs=calls[0].outputs, labels=labels, runtime=Runtime(),
    )  # fmt: skip


def _like(bundle: Path, labels: tuple[str, ...], folder: Path) -> Entrance:
    manifest = Predictor.open(bundle).manifest
    if labels and set(labels) != set(manifest.labels):
        raise ConfigError("the other bundle has other labels", where="--labels", seen=labels, allowed=manifest.labels)
    called = [call for call in manifest.program.calls if call.graph]
    if len(manifest.graphs) != 1 or len(called) != 1:
        raise ConfigError("only a bundle of one graph, run once, can lend its program", where="--like", seen=bundle)
    for resource in manifest.resources:
        (folder / resource.file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / resource.file, folder / resource.file)
    return Entrance(
        program=manifest.program, resources=manifest.resources, graph=manifest.graphs[0].name,
        outputs=called[0].outputs, labels=manifest.labels, runtime=manifest.runtime,
    )  # fmt: skip


def _text_body(ports: Sequence[Port], reading: Reading) -> Body:
    masked = len(ports) > 1
    fixed = next((port.shape[1] for port in ports if len(port.shape) == 2 and port.shape[1]), None)
    most = fixed or reading.max_length
    exact = {"minimum": most} if fixed or not masked else {"multiple": base.MULTIPLE}
    tokenize = Call(
        op="text.tokenize.v1", inputs=("text",), outputs=("ids",), params={"max_length": most},
        resources=("tokenizer",),
    )  # fmt: skip
    names = ("input_ids", "attention_mask")
    pad = Call(op="batch.pad.v1", inputs=("ids",), outputs=names, params={"value": reading.pad, **exact})
    graph = Call(graph="model", inputs=names[: len(ports)], outputs=("logits",))
    return Body(shape="sequence", before=(tokenize,), after=(pad, graph), length="ids")


def _picture_body(ports: Sequence[Port], reading: Reading) -> Body:
    (port, *_) = ports
    fixed = [side for side in port.shape[1:] if side and side > 4]
    if not fixed and not reading.size:
        raise ConfigError(
            "the model's file does not say how large its pictures are", where="--set", hint="--set size=224"
        )
    height, width = (fixed * 2)[:2] if fixed else (reading.size, reading.size)
    return image_body.body(height, width, reading.interpolation)


def _matched(ports: list[str], names: list[str]) -> list[str]:
    """The variable of each input: by its name, a mask by that word, else by its place."""
    if set(ports) == set(names):
        return ports
    if len(ports) != len(names):
        raise ConfigError(
            f"the model has {len(ports)} inputs and the program feeds {len(names)}", where="bundle import",
            seen=ports, allowed=names,
        )  # fmt: skip
    masks = [name for name in names if "mask" in name]
    if len(masks) == 1 and sum("mask" in port for port in ports) == 1:
        rest = iter(name for name in names if name not in masks)
        return [masks[0] if "mask" in port else next(rest) for port in ports]
    return names


def _inlet(port: Port, name: str, feed: np.ndarray, reading: Reading) -> Inlet:
    picture = feed.ndim == 4 and feed.dtype == np.uint8
    axes = ("batch", *feed.shape[1:]) if feed.ndim == 4 else ("batch", *(f"{name}_{i}" for i in range(1, feed.ndim)))
    first = reading.layout == "channels-first" if reading.layout else len(port.shape) == 4 and port.shape[1] == 3
    return Inlet(
        name=name, comes=str(feed.dtype), axes=axes, dtype=port.dtype or ("float32" if picture else str(feed.dtype)),
        picture=picture, channels_first=picture and first, divide=reading.divide, mean=reading.mean, std=reading.std,
    )  # fmt: skip
