"""The plan of a training run: how many steps, which examples in which batch. Decided once, stored, then followed.

A resumed run reads the plan back, so that it does what the interrupted one would have done, whatever the clock says.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct, structs

from modelworks.contracts.family import Recipe
from modelworks.core import files

_POOL = 50
"""Batches that are sorted by length together: enough to pad little, few enough to mix."""
_CAUTION = 0.97
"""Share of the time left that is planned with."""
_ROOM = 3
"""So many times more steps are kept ready than seemed to fit, in case the machine was only busy when it was timed."""
_ENOUGH = 0.75
"""Share of a core below which the budget is spent on waiting for others rather than on steps."""
_GROWTH, _EARLY = 1.1, 0.6
"""A plan grows by a tenth or more, and only while the learning rate has most of its way before it."""


class Plan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was decided before the first step."""

    steps: int
    epoch_steps: int
    every: int
    """Steps between scorings on the dev split."""
    threads: int
    fast: bool
    """Whether the network runs in bfloat16."""
    exact: bool = False
    """Whether an algorithm that gives other bits each time is an error (place.py)."""
    seed: int
    step_seconds: float = 0.0
    score_seconds: float = 0.0
    runs: int = 1
    """Trainings whose weights are averaged."""
    end: int = 0
    """The last step, where the budget ends before `steps` do; 0 where it does not."""

    @property
    def last(self) -> int:
        """The step after which training ends, and the learning rate with it."""
        return self.end or self.steps


class Pace(Struct, frozen=True, kw_only=True):
    """A way to run the steps, as measured on this machine, with what else it is doing."""

    threads: int
    fast: bool
    exact: bool = False
    """As in Plan."""
    seconds: float
    """Of one step."""
    share: float = 1.0
    """Processor seconds for each of them: about the number of threads, less when others keep the cores busy."""


def quickest(paces: Sequence[Pace]) -> Pace:
    """The first of the given ways, unless another is clearly quicker: a tenth may be chance."""
    best = min(paces, key=lambda pace: pace.seconds)
    return best if best.seconds < 0.9 * paces[0].seconds else paces[0]


def starved(paces: Sequence[Pace]) -> float | None:
    """The share of one core that training gets, where even the best way does not get most of it."""
    share = max(pace.share for pace in paces)
    return share if share < _ENOUGH else None


def decide(recipe: Recipe, examples: int, seed: int, *, seconds: float, pace: Pace, score_seconds: float) -> Plan:
    """As many steps as the recipe wants; the last of them is the one that still fits into `seconds` with the scorings
    before it, and at least the first."""
    step_seconds = pace.seconds
    epoch = max(1, math.ceil(examples / recipe.batch_size))
    wanted = max(1, round(recipe.epochs * epoch))
    every = max(1, round(epoch / recipe.scorings))
    if score_seconds > 0.25 * every * step_seconds:  # scoring must not eat the training
        every = max(every, min(wanted, math.ceil(4 * score_seconds / max(step_seconds, 1e-9))))
    cost = step_seconds + score_seconds / every
    fitting = int(max(0.0, seconds - score_seconds) / max(cost, 1e-9))
    steps = max(1, min(wanted, _ROOM * fitting))
    end = 0 if fitting >= steps else max(1, fitting)
    runs = max(1, min(recipe.soup, fitting // steps))
    return Plan(
        steps=steps, end=end, epoch_steps=epoch, every=every, threads=pace.threads, fast=pace.fast, seed=seed,
        exact=pace.exact,
        step_seconds=round(step_seconds, 5), score_seconds=round(score_seconds, 5), runs=runs,
    )  # fmt: skip


def repaced(plan: Plan, step: int, *, seconds: float, step_seconds: float) -> Plan:
    """The plan with another end, when `seconds` are left after `step` and a step (its share of the scorings included)
    takes `step_seconds`: earlier when it would not fit, since a schedule that ends a little early is better than one
    that is cut off; later, up to all its steps, when much more would fit."""
    possible = min(plan.steps, step + int(max(0.0, seconds) * _CAUTION / max(step_seconds, 1e-9)))
    if possible < plan.last * _CAUTION:
        return structs.replace(plan, end=max(step + 1, possible))
    if possible > plan.last * _GROWTH and step < plan.last * _EARLY:
        return structs.replace(plan, end=possible if possible < plan.steps else 0)
    return plan


def threads(recipe: Recipe) -> int:
    """Processor threads to use."""
    return recipe.threads or len(os.sched_getaffinity(0))


def load(path: Path) -> Plan | None:
    """The stored plan, if there is one."""
    return msgspec.json.decode(path.read_bytes(), type=Plan) if path.is_file() else None


def store(path: Path, plan: Plan) -> None:
    """Keep the plan."""
    files.write_bytes(path, msgspec.json.encode(plan))


def batches(lengths: Sequence[int] | np.ndarray, batch_size: int, plan: Plan) -> list[np.ndarray]:
    """Positions of the examples of each step, int64, for all `plan.steps`; alike in length within a batch."""
    array = np.asarray(lengths)
    found: list[np.ndarray] = []
    epoch = 0
    while len(found) < plan.steps:
        found += _epoch(array, batch_size, np.random.default_rng([plan.seed, epoch]))
        epoch += 1
    return found[: plan.steps]


def _epoch(lengths: np.ndarray, size: int, random: np.random.Generator) -> list[np.ndarray]:
    order = random.permutation(len(lengths))
    pools = [order[i : i + size * _POOL] for i in range(0, len(order), size * _POOL)]
    made: list[np.ndarray] = []
    for pool in pools:
        alike = pool[np.argsort(lengths[pool], kind="stable")]
        made += [alike[i : i + size] for i in range(0, len(alike), size)]
    return [made[i] for i in random.permutation(len(made))]
