"""The training loop: transformers' Trainer with our batches, our moving average and exact resume.

What is ours and why:
- the data is the *plan*: item i is the batch of step i. Its chance comes from (seed, i), and so does the chance inside
  the network (dropout), so a run that resumes at step i is the run that was interrupted.
- a checkpoint folder appears under its name only when it is whole.
- weights are scored through the program that ships (judge.py); the best stay.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec import structs
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import ExportableState

from modelworks.contracts.family import Family, Recipe
from modelworks.core.errors import StepError
from modelworks.core.files import commit_folder
from modelworks.core.progress import Progress
from modelworks.stages.learn import place
from modelworks.stages.learn.plan import Plan, batches, repaced
from modelworks.stages.learn.ranks import ALONE, Ranks, weight
from modelworks.stages.learn.setting import Setting
from modelworks.stages.learn.state import Average, write

SAVE_EVERY = 60.0
"""Seconds between checkpoints."""
_SHARE = 0.05
"""Most of the time that may go into writing checkpoints."""


SHARE = "share"
"""In a batch that is parted among processes: how much of its mean loss this part is."""


class Batches(Dataset[dict[str, torch.Tensor]]):
    """Item i: the tensors of step i."""

    def __init__(self, setting: Setting, options: Recipe, plan: Plan) -> None:
        self._make = setting.family.batcher(setting.rows, setting.front, setting.classes, options)
        self._seed = plan.seed
        self._ranks = setting.ranks
        self._lengths = np.array([setting.family.length(row) for row in setting.rows])
        self._batches = batches(self._lengths, options.batch_size, plan)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        positions, random = self._batches[step].tolist(), np.random.default_rng([self._seed, 1, step])
        if self._ranks.size == 1:
            return self._make(positions, random)
        mine = self._ranks.part(positions)
        batch = self._make(mine or positions[:1], random)  # a network takes no empty batch: one row of no weight
        return {**batch, SHARE: torch.tensor(weight(batch, len(mine)) if mine else 0.0)}

    def typical(self, count: int) -> list[int]:
        """Steps with short, middling and long batches, evenly: their mean cost is that of all."""
        order = np.argsort([self._lengths[batch].max() for batch in self._batches], kind="stable")
        return [int(order[int((number + 0.5) / count * len(order))]) for number in range(count)]


class Loop(Trainer):
    """One run of the plan."""

    def __init__(
        self, module: nn.Module, family: Family, options: Recipe, plan: Plan, data: Batches, scratch: Path,
        watch: Watch, weights: torch.Tensor | None = None, ranks: Ranks = ALONE,
    ) -> None:  # fmt: skip
        self._ranks = ranks
        self.family, self.options, self.plan = family, options, plan
        self._class_weights = weights
        self._scratch, self._watch = scratch, watch
        super().__init__(model=module, args=_arguments(options, plan, scratch), train_dataset=data, callbacks=[watch])
        for noisy in list(self.callback_handler.callbacks):
            if type(noisy).__name__ in ("PrinterCallback", "ProgressCallback"):
                self.remove_callback(noisy)

    def get_train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.train_dataset, batch_size=1, shuffle=False, collate_fn=_only)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        groups = [group for group in self.family.groups(self.model, self.options) if group["params"]]
        self.optimizer = self.family.optimizer(groups)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        curve = schedule(self.options, lambda: self._watch.plan.last)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, curve)
        return self.lr_scheduler

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        torch.manual_seed((self.plan.seed + 1) * 1_000_003 + self.state.global_step + self._ranks.rank * 7_919)
        with place.exactly(self.plan.exact):
            loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        if self._ranks.size > 1:
            loss = loss.new_tensor(self._ranks.total(float(loss)) / self._ranks.size)
        if not torch.isfinite(loss):
            raise StepError(
                "training went wrong: the loss is not a number", where=f"train, step {self.state.global_step + 1}",
                seen=float(loss), allowed="a finite loss",
                hint="lower train.options.learning_rate (a tenth is a good try), or set fast_math: false",
            )  # fmt: skip
        self._watch.heard(float(loss))
        return loss

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], *_: Any, **__: Any) -> torch.Tensor:
        if self._class_weights is not None:
            inputs["class_weights"] = self._class_weights.to(self.args.device)
        share = inputs.pop(SHARE, None)
        loss = loss_of(model, inputs, self.family, self.options, self.plan.fast)
        if share is None:
            return loss
        mine = float(share) and weight(inputs, int(share), inputs.get("class_weights"))
        return loss * (mine * self._ranks.size / max(self._ranks.total(mine), 1e-9))

    def _wrap_model(self, model: nn.Module, *more: Any, **options: Any) -> nn.Module:
        # Ours and not accelerate's, which parts the data too, and knows no FSDP on processors.
        made = model if self.options.shard == "full" else self._ranks.wrapped(model)
        if self.options.compile:
            made = torch.compile(made, dynamic=True)
        return made

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._scratch / "partial")

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        # Trainer's own refuses weights that lie with the channels last.
        assert output_dir is not None
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        write(Path(output_dir) / "model.safetensors", state_dict or self.model.state_dict())

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if not self._ranks.leads:
            return
        began = time.monotonic()
        partial = self._scratch / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        super()._save_checkpoint(model, trial)
        (made,) = partial.iterdir()
        self._watch.average.save(made)
        old = last(self._scratch)
        commit_folder(made, self._scratch / "steps" / f"{self.state.global_step:09d}")
        if old is not None and old.name != f"{self.state.global_step:09d}":
            shutil.rmtree(old, ignore_errors=True)
        self._watch.wrote(time.monotonic() - began)


def loss_of(model: nn.Module, batch: dict[str, Any], family: Family, options: Recipe, fast: bool) -> torch.Tensor:
    """Forward (in bfloat16 when `fast`) and loss."""
    feeds = {name: value for name, value in batch.items() if name not in (*family.targets, "class_weights")}
    device = batch[family.targets[0]].device.type
    with torch.autocast(device, torch.bfloat16, enabled=fast):
        outputs = model(**feeds)
    loss: torch.Tensor = family.loss(outputs, batch, options)
    return loss


def last(scratch: Path) -> Path | None:
    """The newest whole checkpoint of an interrupted run."""
    folder = scratch / "steps"
    return max(folder.iterdir(), default=None) if folder.is_dir() else None


def bfloat16(options: Recipe) -> bool:
    """Whether the network runs in bfloat16 while training."""
    if options.precision == "auto":
        return options.fast_math and place.fast_math(place.device())
    return options.precision == "bfloat16"


def schedule(options: Recipe, last: Callable[[], int]) -> Callable[[int], float]:
    """Factor of the learning rates at each step; `last` tells the step at which they end."""

    def factor(step: int) -> float:
        steps = last()
        warm = max(1, round(options.warmup * steps))
        if step < warm:
            return (step + 1) / warm
        left = max(0.0, (steps - step) / max(1, steps - warm))
        curves = {"constant": 1.0, "linear": left, "cosine": 0.5 * (1 - math.cos(math.pi * left))}
        return max(0.01, curves[options.schedule])

    return factor


class Watch(TrainerCallback, ExportableState):
    """Progress, moving average, scoring, early stopping, checkpoints by the clock, and the end of the budget."""

    def __init__(
        self, *, options: Recipe, plan: Plan, average: Average, score: Callable[[nn.Module], float], sign: float,
        best: float, deadline: float, progress: Progress, store: Callable[[Plan], None], ranks: Ranks = ALONE,
    ) -> None:  # fmt: skip
        self.average, self._ranks = average, ranks
        self.history: dict[str, list[list[float]]] = {"loss": [], "dev": [], "learning_rate": []}
        self.plan = plan
        self._options, self._score, self._sign, self._store = options, score, sign, store
        self._pace = (0, time.monotonic())
        self._best, self._worse, self._deadline, self._progress = best, 0, deadline, progress
        self._loss, self._saved, self._cost = 0.0, time.monotonic(), 0.0

    def state(self) -> dict[str, Any]:
        kept = {"history": self.history, "best": self._best, "worse": self._worse, "loss": self._loss}
        return {"args": {}, "attributes": kept}

    def restore(self, attributes: Mapping[str, Any], folder: Path) -> None:
        """Go on from a checkpoint."""
        self.history, self._loss = attributes["history"], attributes["loss"]
        self._best, self._worse = attributes["best"], attributes["worse"]
        self.average.load(folder)

    def on_step_end(self, args: Any, state: Any, control: Any, **facts: Any) -> None:
        self.average.step(state.global_step)
        step, rate = state.global_step, float(facts["lr_scheduler"].get_last_lr()[0])
        over = self._time_is_up()
        if over or step % self.plan.every == 0 or step >= self.plan.last:
            self._scoring(step, rate, control)  # also where the budget ends: the last weights may well be the best
            self._repace(step)
            self._progress.advance(0, scored=self.history["dev"][-1][1])
            over = over or self._time_is_up()
        self._progress.advance(1, loss=self._loss, lr=rate, **({"dev": self._best} if self._best > -math.inf else {}))
        if over:
            self._progress.say("the budget is used up: training stops here")
            control.should_training_stop = True
        elif step >= self.plan.last:
            control.should_training_stop = True
        elif time.monotonic() - self._saved > max(SAVE_EVERY, self._cost / _SHARE):
            # other processes write nothing; weights that are parted among processes are kept only at the end
            control.should_save = self._ranks.leads and self._options.shard == "none"

    def _time_is_up(self) -> bool:
        """By the clock of the process that leads."""
        return bool(self._ranks.agree([time.monotonic() >= self._deadline])[0])

    def wrote(self, seconds: float) -> None:
        """A checkpoint was written in so many seconds."""
        self._saved, self._cost = time.monotonic(), seconds

    def heard(self, loss: float) -> None:
        """The loss of a step; a moving mean is shown."""
        self._loss = loss if not self._loss else 0.95 * self._loss + 0.05 * loss

    def on_train_begin(self, args: Any, state: Any, control: Any, **facts: Any) -> None:
        self._pace = (state.global_step, time.monotonic())

    def _repace(self, step: int) -> None:
        """Move the end of the plan when the machine is slower or quicker than it was."""
        now = time.monotonic()
        before, then = self._pace
        pace = (now - then) / max(1, step - before)
        plan = repaced(self.plan, step, seconds=self._deadline - now, step_seconds=pace)
        plan = structs.replace(plan, end=int(self._ranks.agree([plan.end])[0]))
        if plan != self.plan:
            self._progress.say(f"the pace has changed: {plan.last} steps instead of {self.plan.last}")
            self._store(plan)
        self.plan, self._pace = plan, (step, now)

    def _scoring(self, step: int, rate: float, control: Any) -> None:
        with self.average.applied() as module:
            (value,) = self._ranks.agree([self._score(module) if self._ranks.leads else math.nan])
            self.history["dev"].append([step, value])
            self.history["loss"].append([step, self._loss])
            self.history["learning_rate"].append([step, rate])
            if self._sign * value > self._best:
                self._best, self._worse = self._sign * value, 0
                self.average.keep()
            else:
                self._worse += 1
        if self._worse >= self._options.patience:
            control.should_training_stop = True


def _arguments(options: Recipe, plan: Plan, scratch: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(scratch / "partial"), max_steps=plan.steps, per_device_train_batch_size=1,
        max_grad_norm=options.clip, seed=plan.seed, save_strategy="no", logging_strategy="no", eval_strategy="no",
        report_to=[], disable_tqdm=True, remove_unused_columns=False, logging_nan_inf_filter=False,
        dataloader_pin_memory=False,
    )  # fmt: skip


def _only(items: list[Any]) -> Any:
    return items[0]
