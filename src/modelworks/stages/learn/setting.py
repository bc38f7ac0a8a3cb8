"""All that stays the same during one run of the train stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelworks.contracts.family import Family, Front, Recipe, Source
from modelworks.contracts.task import Task
from modelworks.core.progress import Progress
from modelworks.stages.learn.judge import Judge
from modelworks.stages.learn.ranks import ALONE, Ranks


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Data, network and judge of a run."""

    task: Task
    family: Family
    source: Source
    front: Front
    classes: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    counts: np.ndarray
    """Units of each class in the training rows, int64 [C]."""
    judge: Judge
    folder: Path
    """Where `prepare` wrote; the future checkpoint."""
    seed: int
    progress: Progress
    ranks: Ranks = ALONE
    """The processes that train together."""

    def network(self, options: Recipe) -> Any:
        """The network with the source's weights, or fresh ones; the same for the same seed."""
        import torch

        torch.manual_seed(self.seed)
        module = self.family.build(self.front, self.classes, options, self.folder)
        if not self.source.compact:
            self.family.load(module, self.source)
        return module
