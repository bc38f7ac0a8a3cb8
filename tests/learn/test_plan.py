"""The plan: decided by the clock once, then followed; every example once an epoch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modelworks.contracts.family import Recipe
from modelworks.stages.learn import plan as plans


def decide(seconds, step=0.1, score=1.0, epochs=4, examples=3200):
    recipe = Recipe(epochs=epochs, batch_size=32, scorings=2)
    pace = plans.Pace(threads=1, fast=False, seconds=step)
    return plans.decide(recipe, examples, 0, seconds=seconds, pace=pace, score_seconds=score)


def test_the_quickest_way_is_taken_when_it_is_clearly_so():
    two, one, slow = (
        plans.Pace(threads=threads, fast=fast, seconds=seconds)
        for threads, fast, seconds in ((2, True, 1.0), (1, True, 0.95), (2, False, 0.5))
    )
    assert plans.quickest([two, one]) is two
    assert plans.quickest([two, one, slow]) is slow


def test_enough_time_means_all_the_epochs():
    plan = decide(10_000)
    assert (plan.steps, plan.epoch_steps, plan.every) == (400, 100, 50)


def test_too_little_time_means_fewer_steps_and_at_least_one():
    plan = decide(20)
    assert 1 < plan.last < 200
    assert plan.last * 0.1 + (plan.last // plan.every + 1) * 1.0 <= 20
    assert decide(0.01).last == 1
    assert decide(-5).last == 1


def test_dear_scoring_is_done_more_rarely():
    assert decide(10_000, score=40).every > 50


@given(seconds=st.floats(0, 5000), step=st.floats(0.001, 5), score=st.floats(0, 100), epochs=st.floats(0.1, 20))
def test_the_plan_fits_the_time(seconds, step, score, epochs):
    plan = decide(seconds, step, score, epochs)
    cost = plan.last * step + (plan.last / plan.every + 1) * score
    assert plan.last == 1 or cost <= seconds * 1.001
    assert plan.every >= 1
    assert plan.last <= plan.steps


def test_a_machine_that_slows_down_ends_the_plan_earlier():
    plan = decide(10_000)
    assert plans.repaced(plan, 100, seconds=62, step_seconds=0.2) is plan  # exactly in time
    shorter = plans.repaced(plan, 100, seconds=30, step_seconds=0.2)
    assert plan.last == plan.steps == shorter.steps == 400
    assert shorter.last == 245
    assert plans.repaced(shorter, 200, seconds=-1, step_seconds=0.2).last == 201


def test_a_machine_that_was_only_busy_when_it_was_timed_gets_its_steps_back():
    plan = decide(30, step=0.2, score=0)
    assert plan.last == 150
    longer = plans.repaced(plan, 50, seconds=20, step_seconds=0.1)
    assert longer.last == 243
    assert plans.repaced(plan, 50, seconds=2000, step_seconds=0.1).last == plan.steps == 400
    assert plans.repaced(plan, 50, seconds=21, step_seconds=0.2) is plan  # a little more is not worth it
    assert plans.repaced(plan, 120, seconds=2000, step_seconds=0.1) is plan  # too late for the learning rate


def test_a_plan_is_stored_and_read(tmp_path):
    plan = decide(100)
    assert plans.load(tmp_path / "plan.json") is None
    plans.store(tmp_path / "plan.json", plan)
    assert plans.load(tmp_path / "plan.json") == plan


@given(st.lists(st.integers(1, 60), min_size=1, max_size=200), st.integers(1, 9), st.integers(0, 5))
def test_each_epoch_sees_every_example_once(lengths, size, seed):
    epoch = -(-len(lengths) // size)
    plan = plans.Plan(steps=2 * epoch, epoch_steps=epoch, every=1, threads=1, fast=False, seed=seed)
    made = plans.batches(lengths, size, plan)
    for half in (made[:epoch], made[epoch:]):
        assert sorted(np.concatenate(half).tolist()) == list(range(len(lengths)))
    again = plans.batches(lengths, size, plan)
    assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))


def test_batches_hold_like_lengths():
    lengths = np.random.default_rng(0).integers(5, 100, 3200)
    plan = plans.Plan(steps=100, epoch_steps=100, every=1, threads=1, fast=False, seed=0)
    padded = sum(lengths[batch].max() * len(batch) for batch in plans.batches(lengths, 32, plan))
    assert padded < 1.1 * lengths.sum()


def test_a_busy_machine_is_told_by_the_share_of_a_core():
    def pace(share: float) -> plans.Pace:
        return plans.Pace(threads=2, fast=False, seconds=0.1, share=share)

    assert plans.starved([pace(1.9), pace(0.9)]) is None
    assert plans.starved([pace(0.4), pace(0.9)]) is None
    assert plans.starved([pace(0.4), pace(0.3)]) == 0.4
