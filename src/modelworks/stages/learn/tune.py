"""Search of hyper-parameters with Optuna."""

from __future__ import annotations

from pathlib import Path

from modelworks.contracts.family import Recipe
from modelworks.core.config import Tune
from modelworks.stages.learn.fit import Fitted, fit
from modelworks.stages.learn.setting import Setting


def tune(setting: Setting, options: Recipe, wish: Tune, deadline: float, scratch: Path) -> tuple[Recipe, Fitted]:
    return options, fit(setting, options, deadline, scratch)
