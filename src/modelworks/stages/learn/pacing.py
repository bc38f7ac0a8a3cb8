"""How quickly training steps go on this machine, with what else it is doing: measured before a plan is made."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from msgspec import structs
from torch import nn

from modelworks.contracts.family import Recipe
from modelworks.stages.learn import place
from modelworks.stages.learn import plan as plans
from modelworks.stages.learn.loop import SHARE, Batches, bfloat16, loss_of
from modelworks.stages.learn.setting import Setting

_TRIALS = 4
"""Steps that are timed before the plan is made."""


def measured(setting: Setting, options: Recipe, most: int) -> plans.Pace:
    """The quickest way to run the steps with up to `most` threads; says so when the machine is too busy for any."""
    paces = _paces(setting, options, most)
    _warn(setting, plans.starved(paces))
    return plans.quickest(paces)


def _warn(setting: Setting, share: float | None) -> None:
    if share is not None:
        setting.progress.say(
            f"this machine is busy: training gets {share:.0%} of a core, so its budget buys fewer steps and a poorer "
            "model; stop what else runs, or give train.budget more"
        )


def _paces(setting: Setting, options: Recipe, most: int) -> list[plans.Pace]:
    """Seconds of a training step, on a network of its own, with all threads and with one, and for convolutions in
    bfloat16 and without.

    What is best cannot be known beforehand: oneDNN's threads wait for each other in a spin, so that on a core shared
    with another process two threads took eight times as long as one."""
    module = setting.network(options).to(place.device()).train()
    fast = bfloat16(options)
    either = options.precision == "auto" and any(isinstance(part, nn.Conv2d) for part in module.modules())
    exact = exactness(module)
    counts = (most,) if options.threads or most == 1 or exact else (most, 1)
    kinds = (True, False) if fast and either else (fast,)
    ways = [plans.Pace(threads=some, fast=kind, exact=exact, seconds=0.0) for kind in kinds for some in counts]
    epoch = max(1, len(setting.rows) // options.batch_size)
    trial = plans.Plan(steps=epoch, epoch_steps=epoch, every=epoch, threads=most, fast=fast, seed=setting.seed)
    data = Batches(setting, options, trial)
    steps = data.typical(_TRIALS)
    found = [_repeatable(setting, options, module, data, steps, way) for way in ways]
    torch.set_num_threads(most)
    return found


def exactness(module: nn.Module) -> bool:
    """Whether the same bits each time have to be asked for: a processor's algorithms give them anyway."""
    return bool(place.of(module) != place.CPU)


def _repeatable(
    setting: Setting, options: Recipe, module: nn.Module, data: Batches, steps: Sequence[int], way: plans.Pace
) -> plans.Pace:  # fmt: skip
    """The pace of a way; of one that gives other bits each time where the card knows no better, which is said."""
    try:
        return _timed(setting, options, module, data, steps, way)
    except RuntimeError as error:
        if not way.exact or "deterministic" not in str(error):
            raise
    setting.progress.say(
        "the graphics card cannot repeat some of this network's arithmetic bit by bit: trained again, or interrupted "
        "and resumed, it ends a little different"
    )
    return _timed(setting, options, module, data, steps, structs.replace(way, exact=False))


def _timed(
    setting: Setting, options: Recipe, module: nn.Module, data: Batches, steps: Sequence[int], way: plans.Pace
) -> plans.Pace:  # fmt: skip
    """The pace of some steps, each when it comes again: kernels are made for a length when it is first met (an LSTM
    step took 0.45 s then, 0.28 s later, and the plan had half the steps that the budget allowed)."""
    torch.set_num_threads(way.threads)
    optimizer = setting.family.optimizer([g for g in setting.family.groups(module, options) if g["params"]])
    where = place.of(module)
    seconds = worked = 0.0
    for step in steps:
        for _ in range(2):
            began, before = time.monotonic(), time.process_time()
            batch = place.moved({name: value for name, value in data[step].items() if name != SHARE}, where)
            with place.exactly(way.exact):
                loss_of(module, batch, setting.family, options, way.fast).backward()
            optimizer.step()
            optimizer.zero_grad()
            place.finish(where)
        seconds += time.monotonic() - began
        worked += time.process_time() - before
    share = worked / max(seconds, 1e-9) if where.type == "cpu" else 1.0  # a graphics card's work is not seen here
    return structs.replace(way, seconds=seconds / len(steps), share=share)
