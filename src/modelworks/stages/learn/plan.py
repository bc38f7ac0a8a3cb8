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


class Plan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was decided before the first step."""

    steps: int
    epoch_steps: int
    every: int
    """Steps between scorings on the dev split."""
    threads: int
    fast: bool
    """Whether the network runs in bfloat16."""
    seed: int
    step_seconds: float = 0.0
    score_seconds: float = 0.0
    runs: int = 1
    """Trainings whose weights are averaged."""
    end: int = 0
    """The last step, when the machine turned out slower than measured; 0 when it did not."""

    @property
    def last(self) -> int:
        """The step after which training ends, and the learning rate with it."""
        return self.end or self.steps


class Pace(Struct, frozen=True, kw_only=True):
    """A way to run the steps, as measured on this machine, with what else it is doing."""

    threads: int
    fast: bool
    seconds: float
    """Of one step."""


def quickest(paces: Sequence[Pace]) -> Pace:
    """The first of the given ways, unless another is clearly quicker: a tenth may be chance."""
    best = min(paces, key=lambda pace: pace.seconds)
    return best if best.seconds < 0.9 * paces[0].seconds else paces[0]


def decide(recipe: Recipe, examples: int, seed: int, *, seconds: float, pace: Pace, score_seconds: float) -> Plan:
    """As many steps as the recipe wants, or as fit into `seconds` with their scorings; at least one."""
    step_seconds = pace.seconds
    epoch = max(1, math.ceil(examples / recipe.batch_size))
    wanted = max(1, round(recipe.epochs * epoch))
    every = max(1, round(epoch / recipe.scorings))
    if score_seconds > 0.25 * every * step_seconds:  # scoring must not eat the training
        every = max(every, min(wanted, math.ceil(4 * score_seconds / max(step_seconds, 1e-9))))
    cost = step_seconds + score_seconds / every
    fitting = int(max(0.0, seconds - score_seconds) / max(cost, 1e-9))
    steps = max(1, min(wanted, fitting))
    runs = max(1, min(recipe.soup, fitting // steps)) if steps == wanted else 1
    return Plan(
        steps=steps, epoch_steps=epoch, every=every, threads=pace.threads, fast=pace.fast, seed=seed,
        step_seconds=round(step_seconds, 5), score_seconds=round(score_seconds, 5), runs=runs,
    )  # fmt: skip


def shortened(plan: Plan, step: int, *, seconds: float, step_seconds: float) -> Plan:
    """The plan, ended earlier when only `seconds` are left after `step` and a step (its share of the scorings
    included) takes `step_seconds`. Better a schedule that ends a little early than one that is cut off."""
    possible = step + int(seconds * _CAUTION / max(step_seconds, 1e-9))
    if possible >= plan.last * _CAUTION:
        return plan
    return structs.replace(plan, end=max(step + 1, possible))


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
