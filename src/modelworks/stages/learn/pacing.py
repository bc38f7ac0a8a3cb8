"""How quickly training steps go on this machine, with what else it is doing: measured before a plan is made."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import nn

from modelworks.contracts.family import Recipe
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


def device() -> torch.device:
    """Where the network runs."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


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
    module = setting.network(options).to(device()).train()
    fast = bfloat16(options)
    either = options.precision == "auto" and any(isinstance(part, nn.Conv2d) for part in module.modules())
    counts = (most,) if options.threads or most == 1 else (most, 1)
    ways = [(threads, kind) for kind in ((True, False) if fast and either else (fast,)) for threads in counts]
    epoch = max(1, len(setting.rows) // options.batch_size)
    trial = plans.Plan(steps=epoch, epoch_steps=epoch, every=epoch, threads=most, fast=fast, seed=setting.seed)
    data = Batches(setting, options, trial)
    steps = data.typical(_TRIALS)
    found = [_timed(setting, options, module, data, steps, threads, kind) for threads, kind in ways]
    torch.set_num_threads(most)
    return found


def _timed(
    setting: Setting, options: Recipe, module: nn.Module, data: Batches, steps: Sequence[int], threads: int, fast: bool
) -> plans.Pace:  # fmt: skip
    """The pace of some steps, each when it comes again: kernels are made for a length when it is first met (an LSTM
    step took 0.45 s then, 0.28 s later, and the plan had half the steps that the budget allowed)."""
    torch.set_num_threads(threads)
    optimizer = setting.family.optimizer([g for g in setting.family.groups(module, options) if g["params"]])
    place = device()
    seconds = worked = 0.0
    for step in steps:
        for _ in range(2):
            began, before = time.monotonic(), time.process_time()
            batch = {name: value.to(place) for name, value in data[step].items() if name != SHARE}
            loss_of(module, batch, setting.family, options, fast).backward()
            optimizer.step()
            optimizer.zero_grad()
        seconds += time.monotonic() - began
        worked += time.process_time() - before
    share = worked / max(seconds, 1e-9) if place.type == "cpu" else 1.0  # a graphics card's work is not seen here
    return plans.Pace(threads=threads, fast=fast, seconds=seconds / len(steps), share=share)
