"""The plan follows what was measured."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest

from modelworks.bundle import Predictor
from modelworks.core import config
from modelworks.serve.measure import plan_for


class Costly:
    """A predictor over a real bundle's self-test whose batches cost what `cost(rows)` says, in seconds of CPU."""

    def __init__(self, predictor: Predictor, cost, *, cap: int = 32, state: dict | None = None) -> None:
        manifest = predictor.manifest
        program = SimpleNamespace(state=state or {}, calls=())
        self.manifest = SimpleNamespace(input=manifest.input, runtime=manifest.runtime, program=program)
        self.folder, self.cap, self._cost = predictor.folder, cap, cost

    def prepare(self, inputs):
        return list(inputs)

    def finish(self, rows):
        end = time.thread_time() + self._cost(len(rows))
        while time.thread_time() < end:
            pass
        return rows


def test_a_model_of_microseconds_runs_inline(predictor):
    plan = plan_for(Costly(predictor, lambda rows: 20e-6 * rows), config.Serve())
    assert plan.inline
    assert plan.cap == 32


def test_a_slow_model_gets_lanes_and_the_batch_that_pays(predictor):
    plan = plan_for(Costly(predictor, lambda rows: 1e-3 * (2 + min(rows, 4) + 3 * max(0, rows - 4))), config.Serve())
    assert not plan.inline
    assert plan.cap == 4
    assert plan.curve == pytest.approx((1.0, 4 / 6, 6 / 12), rel=0.2)
    assert plan.row_seconds == pytest.approx(3e-3, rel=0.3)
    assert plan.lanes == len(os.sched_getaffinity(0))


def test_a_model_that_gains_nothing_from_company_is_not_batched(predictor):
    assert plan_for(Costly(predictor, lambda rows: 2e-3 * rows), config.Serve(lanes=3)).cap == 1


def test_the_bundles_own_cap_and_memory_are_kept(predictor):
    assert plan_for(Costly(predictor, lambda rows: 20e-6, cap=1), config.Serve()).cap == 1
    assert plan_for(Costly(predictor, lambda rows: 2e-3, state={"a": "b"}), config.Serve()).cap == 1
