"""Fits one network: first usable weights, then gradient steps while the budget lasts; the best on dev are kept."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy as copy_module
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from msgspec import structs
from torch import nn

from modelworks.contracts.family import Recipe
from modelworks.core.files import write_bytes
from modelworks.stages.learn import pacing, place
from modelworks.stages.learn import plan as plans
from modelworks.stages.learn.loop import Batches, Loop, Watch, last
from modelworks.stages.learn.setting import Setting
from modelworks.stages.learn.state import Average, State, copy, read, write

_STRIDE = 7919
"""Between the seeds of the runs of a soup."""
_RESERVE = 0.04
"""Share of the budget kept free for what comes after the last step."""


@dataclass(kw_only=True)
class Fitted:
    """Weights with their score on the dev split."""

    state: State
    score: float
    how: str
    """`start` (the quick first model) or `trained`."""
    history: dict[str, list[list[float]]] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    """That the training took, since it was last interrupted."""


_NOTHING = Fitted(state={}, score=math.nan, how="trained")
"""Of a process that does not lead."""


def fit(setting: Setting, options: Recipe, deadline: float, scratch: Path) -> Fitted:
    """The best network that can be had until `deadline` (time.monotonic). Resumes what `scratch` holds."""
    scratch.mkdir(parents=True, exist_ok=True)
    with _quiet(_threads(setting, options)), place.within_memory():
        module = setting.network(options).to(place.device())
        first = _start(setting, options, module, scratch) if setting.ranks.leads else None
        if not any(group["params"] for group in setting.family.groups(module, options)):
            if not setting.ranks.leads:
                return _NOTHING
            return first or Fitted(state=copy(module.state_dict()), score=setting.judge.score(module), how="start")
        plan = _plan(setting, options, module, deadline, scratch)
        torch.set_num_threads(plan.threads)
        trained = _runs(setting, options, plan, module, first, deadline, scratch)
        if not setting.ranks.leads:
            return trained
        return _settled(setting, module, _better(setting, first, trained))


def _settled(setting: Setting, module: nn.Module, best: Fitted) -> Fitted:
    """The best weights with the family's last choices."""
    sign, judge = setting.judge.sign, setting.judge
    module.load_state_dict(best.state)
    chosen = setting.family.settle(module, lambda: sign * judge.score(module))
    return best if chosen is None else replace(best, state=copy(module.state_dict()), score=sign * chosen)


def _runs(
    setting: Setting, options: Recipe, plan: plans.Plan, module: nn.Module, first: Fitted | None, deadline: float,
    scratch: Path,
) -> Fitted:  # fmt: skip
    """All trainings of the plan, from the same weights, and their soup; and more of them while another one fits, for
    the plan was made from a few steps."""
    origin = copy(module.state_dict())
    found: list[Fitted] = []
    most = options.soup if setting.ranks.size == 1 else 1  # a soup's runs are compared by one process
    planned = min(plan.runs, most)
    for number in range(most):
        folder = scratch if number == 0 else scratch / f"run-{number}"
        if number >= planned and not (folder / "plan.json").is_file() and not _another(found, deadline):
            break
        folder.mkdir(exist_ok=True)
        done = _kept(folder)
        if done is None:
            began = time.monotonic()
            share = (deadline - began) / max(1, planned - number)
            own = plans.load(folder / "plan.json") or structs.replace(plan, seed=plan.seed + _STRIDE * number, end=0)
            plans.store(folder / "plan.json", own)
            module.load_state_dict(origin)
            done = _train(setting, options, own, module, first, began + share, folder)
            if most > 1:
                done = replace(done, seconds=time.monotonic() - began)
                _keep(folder, done)
        found.append(done)
    return blend(setting, module, found)


def _another(found: Sequence[Fitted], deadline: float) -> bool:
    """Whether one more training would end in time, if it took as long as the slowest."""
    return time.monotonic() + max(run.seconds for run in found) * (1 + _RESERVE) < deadline


def blend(setting: Setting, module: nn.Module, found: Sequence[Fitted]) -> Fitted:
    """The greedy soup: beginning with the best run, the weights of each are averaged in unless dev gets worse."""
    sign = setting.judge.sign
    ordered = sorted(found, key=lambda run: -sign * run.score)
    best, kept = ordered[0], [ordered[0].state]
    for run in ordered[1:]:
        mean = _mean([*kept, run.state])
        module.load_state_dict(mean)
        score = setting.judge.score(module)
        setting.progress.say(
            f"averaged {len(kept) + 1} runs: {setting.judge.primary} {score:.4f} (before {best.score:.4f})"
        )
        if sign * score >= sign * best.score:
            kept.append(run.state)
            best = replace(best, state=mean, score=score, steps=best.steps + run.steps)
    return best


def _mean(states: Sequence[State]) -> State:
    return {
        name: torch.stack([state[name].to(value.device) for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }


def _keep(folder: Path, run: Fitted) -> None:
    write(folder / "run.safetensors", run.state)
    facts = {"score": run.score, "history": run.history, "steps": run.steps, "seconds": run.seconds}
    write_bytes(folder / "run.json", json.dumps(facts).encode())


def _kept(folder: Path) -> Fitted | None:
    """A training that was finished before the stage was interrupted."""
    if not (folder / "run.json").is_file():
        return None
    facts = json.loads((folder / "run.json").read_text("utf-8"))
    return Fitted(state=read(folder / "run.safetensors"), how="trained", **facts)


def _start(setting: Setting, options: Recipe, module: nn.Module, scratch: Path) -> Fitted | None:
    """The quick first model, kept in scratch; None for networks that have none. Leaves its weights in `module`."""
    kept, facts = scratch / "start.safetensors", scratch / "start.json"
    if facts.is_file():
        value = json.loads(facts.read_text("utf-8"))["score"]
        if value is None:
            return None
        module.load_state_dict(read(kept))
        return _first(module, value)
    setting.progress.start("first model")
    began = time.monotonic()
    value = None
    if setting.family.start(module, setting.rows, setting.front, options):
        value = setting.judge.score(module)
        seconds = time.monotonic() - began
        setting.progress.say(f"first model: {setting.judge.primary} {value:.4f} on dev, after {seconds:.0f} s")
        write(kept, module.state_dict())
    write_bytes(facts, json.dumps({"score": value}).encode())
    return None if value is None else _first(module, value)


def _first(module: nn.Module, score: float) -> Fitted:
    return Fitted(state=copy(module.state_dict()), score=score, how="start", history={"dev": [[0, score]]})


def _plan(setting: Setting, options: Recipe, module: nn.Module, deadline: float, scratch: Path) -> plans.Plan:
    """The plan of the process that leads, and of all others."""
    made = msgspec.json.encode(_decided(setting, options, module, deadline, scratch)) if setting.ranks.leads else b""
    return msgspec.json.decode(setting.ranks.share(made), type=plans.Plan)


def _decided(setting: Setting, options: Recipe, module: nn.Module, deadline: float, scratch: Path) -> plans.Plan:
    stored = plans.load(scratch / "plan.json")
    if stored is not None:
        return stored
    setting.progress.start("timing some steps")
    began = time.monotonic()
    setting.judge.score(module)
    scoring = time.monotonic() - began
    pace = pacing.measured(setting, options, _threads(setting, options))
    left = deadline - time.monotonic()
    plan = plans.decide(
        options, len(setting.rows), setting.seed, seconds=left * (1 - _RESERVE), pace=pace, score_seconds=scoring
    )
    plans.store(scratch / "plan.json", plan)
    return plan


def _train(
    setting: Setting, options: Recipe, plan: plans.Plan, module: nn.Module, first: Fitted | None, deadline: float,
    scratch: Path,
) -> Fitted:  # fmt: skip
    data = Batches(setting, options, plan)
    ranks = setting.ranks
    ranks.spread(module)
    trained = ranks.sharded(copy_module(module)) if options.shard == "full" else module
    store = partial(plans.store, scratch / "plan.json") if ranks.leads else _ignore
    watch = Watch(
        options=options, plan=plan, average=Average(trained, options.ema, twin=module), score=setting.judge.score,
        sign=setting.judge.sign, best=-math.inf, deadline=deadline, progress=setting.progress, store=store, ranks=ranks,
    )  # fmt: skip
    weights = balanced(setting.counts) if options.class_weights == "balanced" else None
    loop = Loop(trained, setting.family, options, plan, data, scratch, watch, weights, ranks)
    resumed = last(scratch)
    done = 0
    if resumed is not None:
        state = json.loads((resumed / "trainer_state.json").read_text("utf-8"))
        watch.restore(state["stateful_callbacks"]["Watch"]["attributes"], resumed)
        done = state["global_step"]
    setting.progress.start("training", plan.last, "steps")
    setting.progress.advance(done)
    loop.train(resume_from_checkpoint=str(resumed) if resumed else None)
    return _result(setting, watch, loop, first)


def _ignore(plan: plans.Plan) -> None:
    """Of a process that does not lead: the plan is another's to store."""


def _result(setting: Setting, watch: Watch, loop: Loop, first: Fitted | None) -> Fitted:
    if watch.average.best is None:  # the budget ended before the first scoring
        with watch.average.applied() as averaged:
            score = setting.judge.score(averaged) if setting.ranks.leads else math.nan
            watch.history["dev"].append([loop.state.global_step, score])
            watch.average.keep()
    if not setting.ranks.leads:
        return _NOTHING
    assert watch.average.best is not None
    scores = [setting.judge.sign * value for _, value in watch.history["dev"]]
    if first is not None:
        watch.history["dev"].insert(0, [0, first.score])
    return Fitted(
        state=watch.average.best, score=setting.judge.sign * max(scores), how="trained", history=watch.history,
        steps=loop.state.global_step,
    )  # fmt: skip


def _better(setting: Setting, first: Fitted | None, trained: Fitted) -> Fitted:
    """Training replaces the first model only when it scores better."""
    if first is None or setting.judge.sign * trained.score > setting.judge.sign * first.score:
        return trained
    setting.progress.say("training did not better the first model, which is kept")
    return Fitted(state=first.state, score=first.score, how="start", history=trained.history, steps=trained.steps)


def balanced(counts: np.ndarray) -> torch.Tensor:
    """Weights float32 [C] inverse to the classes' frequency, 1 on average over the units."""
    weights = counts.sum() / (max(1, np.count_nonzero(counts)) * np.maximum(counts, 1))
    return torch.from_numpy(weights.astype(np.float32))


def _threads(setting: Setting, options: Recipe) -> int:
    """Processor threads of one process."""
    return max(1, plans.threads(options) // setting.ranks.size)


@contextmanager
def _quiet(threads: int) -> Iterator[Any]:
    """Deterministic algorithms and a fixed number of threads, for the block."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS wants for it
    before, was = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(was)
