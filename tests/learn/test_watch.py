"""What the training loop does at the end of its budget."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
import torch

from modelworks.contracts.family import Recipe
from modelworks.core.progress import Silent
from modelworks.stages.learn.loop import Watch
from modelworks.stages.learn.plan import Plan
from modelworks.stages.learn.state import Average


def test_the_weights_at_the_end_of_the_budget_are_scored_too():
    """They were thrown away where the budget ended between two scorings, and weights of long ago were kept."""
    module, scored = torch.nn.Linear(2, 1), []

    def score(network):
        scored.append(float(network.weight.detach().sum()))
        return len(scored)

    plan = Plan(steps=1000, epoch_steps=500, every=100, threads=1, fast=False, seed=0)
    watch = Watch(
        options=Recipe(), plan=plan, average=Average(module, 0.0), score=score, sign=1.0, best=-1.0,
        deadline=time.monotonic() + 3600,
        progress=Silent(), store=lambda plan: None,
    )  # fmt: skip
    control = SimpleNamespace(should_training_stop=False, should_save=False)
    facts = {"lr_scheduler": SimpleNamespace(get_last_lr=lambda: [0.1])}

    def step(number):
        watch.on_step_end(None, SimpleNamespace(global_step=number), control, **facts)

    step(7)
    assert not scored
    watch._deadline = time.monotonic() - 1
    with torch.no_grad():
        module.weight.add_(1)
    step(8)
    assert control.should_training_stop
    assert scored == [float(module.weight.detach().sum())]
    assert watch.history["dev"] == [[8, 1]]
    assert torch.equal(watch.average.best["weight"], module.weight)
