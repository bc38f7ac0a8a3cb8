"""How fast is this model here? Asked when it is opened, answered within a fraction of a second."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from modelworks.bundle import selftest
from modelworks.core import config
from modelworks.kinds import Kind
from modelworks.serve.engine import Plan
from modelworks.serve.streams import in_pieces

if TYPE_CHECKING:
    from modelworks.bundle import Predictor

INLINE = 300e-6
"""Seconds for one row up to which a thread's hand-over costs more than it gives."""
SECONDS = 0.3
"""All the time the cost curve may take."""
INLINE_CAP = 32


def plan_for(predictor: Predictor, settings: config.Serve) -> Plan:
    """The plan of a freshly opened predictor under a project's settings."""
    lanes = settings.lanes or len(os.sched_getaffinity(0))
    if in_pieces(predictor.manifest.program):  # runs in threads of its own: nothing to plan
        return Plan(lanes=lanes, queue=settings.queue, deadline=settings.deadline)
    value = usual(predictor)
    one = seconds(predictor, value, 1, 3) if value else 1.0
    if value and one < 10 * INLINE:
        one = seconds(predictor, value, 1, 30)
    inline = one < INLINE
    runtime = predictor.manifest.runtime
    most = 1 if predictor.manifest.program.state else predictor.cap
    curve = () if inline or value is None else cost_curve(predictor, value, one, most)
    cap = min(INLINE_CAP if inline else 2 ** (len(curve) - 1) if curve else most, most)
    return Plan(
        inline=inline, cap=cap, curve=curve, budget=runtime.budget, lanes=lanes, queue=settings.queue,
        deadline=settings.deadline, row_seconds=one,
    )  # fmt: skip


def usual(predictor: Predictor) -> Kind | None:
    """The middle one by size of the inputs in the bundle's self-test; None when it has none."""
    inputs = selftest.inputs(predictor.folder, predictor.manifest.input)
    return sorted(inputs, key=lambda value: value.size())[len(inputs) // 2] if inputs else None


def seconds(predictor: Predictor, value: Kind, rows: int, repeats: int) -> float:
    """Fewest seconds of CPU of `repeats` runs of one batch, preparing included. Of this thread alone: what other
    processes take must not change the plan."""
    inputs = [value] * rows
    best = float("inf")
    for _ in range(repeats):
        start = time.thread_time()
        predictor.finish(predictor.prepare(inputs))
        best = min(best, time.thread_time() - start)
    return best


def cost_curve(predictor: Predictor, value: Kind, one: float, most: int) -> tuple[float, ...]:
    """Cost of a row in batches of 1, 2, 4, … relative to a lone one; ends where doubling gains less than 3 %."""
    end = time.perf_counter() + SECONDS
    curve, rows = [1.0], 2
    while rows <= most and time.perf_counter() + rows * one < end:
        cost = seconds(predictor, value, rows, 3) / rows / one
        if cost > 0.97 * curve[-1]:
            break
        curve.append(cost)
        rows *= 2
    return tuple(curve)
