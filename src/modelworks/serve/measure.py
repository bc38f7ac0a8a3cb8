"""How fast is this model here? Asked when it is opened, answered within a fraction of a second."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from modelworks.core import config
from modelworks.kinds import Image, Kind, Text
from modelworks.serve.engine import Plan

if TYPE_CHECKING:
    from modelworks.bundle import Predictor

INLINE = 200e-6
"""Seconds for one row up to which a thread's hand-over costs more than it gives."""
SECONDS = 0.3
"""All the time the cost curve may take."""
INLINE_CAP = 32
SENTENCE = "The committee will decide tomorrow whether the bridge over the river is built this year."


def sample(kind: str) -> Kind | None:
    """A usual input of a kind, to measure with."""
    if kind == "text":
        return Text(SENTENCE)
    if kind == "image":
        import cv2
        import numpy as np

        pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
        return Image(cv2.imencode(".jpg", cv2.resize(pixels, (640, 480)))[1].tobytes())
    return None


def plan_for(predictor: Predictor, settings: config.Serve) -> Plan:
    """The plan of a freshly opened predictor under a project's settings."""
    lanes = settings.lanes or len(os.sched_getaffinity(0))
    value = sample(predictor.manifest.input)
    one = seconds(predictor, value, 1, 5) if value else 1.0
    inline = one < INLINE
    runtime = predictor.manifest.runtime
    cap = (
        1
        if predictor.manifest.program.state
        else INLINE_CAP
        if inline or value is None
        else best_batch(predictor, value, one)
    )
    return Plan(
        inline=inline, cap=max(1, min(cap, runtime.batch)), budget=runtime.budget, lanes=lanes, queue=settings.queue,
        deadline=settings.deadline, row_seconds=one,
    )  # fmt: skip


def seconds(predictor: Predictor, value: Kind, rows: int, repeats: int) -> float:
    """Fewest seconds of `repeats` runs of one batch, preparing included."""
    inputs = [value] * rows
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        predictor.finish(predictor.prepare(inputs))
        best = min(best, time.perf_counter() - start)
    return best


def best_batch(predictor: Predictor, value: Kind, one: float) -> int:
    """The batch after which a row gets no cheaper: doubling stops at the first that gains less than 3 %."""
    end = time.perf_counter() + SECONDS
    best, cost, rows = 1, one, 2
    while rows <= 32 and time.perf_counter() + rows * cost < end:
        now = seconds(predictor, value, rows, 3) / rows
        if now > 0.97 * cost:
            break
        best, cost, rows = rows, now, rows * 2
    return best
