"""What is fitted after the weights: parameters of the task's last operations, on the dev split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec import structs
from torch import nn

from modelworks.contracts.family import Front
from modelworks.contracts.program import Program
from modelworks.contracts.task import Task
from modelworks.dataset import Dataset
from modelworks.kinds import Example
from modelworks.stages.learn.judge import Judge


def calibrated(
    judge: Judge, module: nn.Module, task: Task, dataset: Dataset, front: Front, folder: Path, examples: list[Example]
) -> tuple[Judge, float]:
    return judge, 1.0
