"""Image classification: one label for a picture."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Program
from modelworks.contracts.task import Task
from modelworks.core.errors import RequestError
from modelworks.kinds import Example, Image, Kind, Label, Labels
from modelworks.ops.image import open_image
from modelworks.tasks._classification import encode, ranked
from modelworks.tasks._html import bars

THUMBNAIL = 96


def _program(labels: Sequence[str], body: Body) -> Program:
    return ranked(labels, body, {"image": "image"})


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Image)
    assert target is None or isinstance(target, Label)
    assert prediction is None or isinstance(prediction, Labels)
    return f'<div class="example">{_thumbnail(input.image)}{bars(target, prediction)}</div>'


def _thumbnail(data: bytes) -> str:
    """An <img> that holds the picture, scaled down, as a data URI; a line of text for a broken one."""
    try:
        pixels = open_image(data)
    except RequestError:
        return "<p>(a broken picture)</p>"
    share = min(1.0, THUMBNAIL / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) if share < 1 else pixels
    code = base64.b64encode(_png(small)).decode("ascii")
    return f'<img alt="" width="{THUMBNAIL}" src="data:image/png;base64,{code}">'


def _png(pixels: np.ndarray) -> bytes:
    _, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return bytes(data)


def _example() -> list[Example]:
    """Discs and bars in noise, 32 x 32."""
    generator = np.random.default_rng(0)
    examples = []
    for number in range(12):
        pixels = generator.integers(0, 60, (32, 32, 3), dtype=np.uint8)
        centre = tuple(int(value) for value in generator.integers(12, 20, 2))
        colour = tuple(int(value) for value in generator.integers(160, 255, 3))
        label = ("bar", "disc")[number % 2]
        if label == "disc":
            cv2.circle(pixels, centre, 8, colour, -1)
        else:
            cv2.rectangle(pixels, (centre[0] - 2, 2), (centre[0] + 2, 30), colour, -1)
        examples.append(Example(id=f"{label}-{number}", input=Image(_png(pixels)), target=Label(label)))
    return examples


TASK = Task(
    name="image-classification",
    aliases=("image", "picture-classification", "scene-recognition", "scene-understanding"),
    summary="Give a picture one label: object, scene, defect.",
    input="image",
    target="label",
    prediction="labels",
    formats=("image-folder", "huggingface", "csv", "jsonl", "parquet"),
    metrics=("accuracy", "macro_f1", "top5_accuracy", "ece"),
    shape="image",
    program=_program,
    classes=list,
    encode=encode,
    render=_render,
    example=_example,
    slices=("label",),
    perturbations=("blur", "jpeg", "brightness", "noise", "occlusion", "rotate"),
)
