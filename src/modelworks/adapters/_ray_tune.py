"""Ray Tune: trials at once, chosen by Optuna."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.adapters import _ray
from modelworks.contracts.workers import Search
from modelworks.core import registry
from modelworks.core.errors import StepError


def search(trial: str, facts: Mapping[str, Any], search: Search, room: Path, options: Mapping[str, Any]) -> None:
    """All trials of a search; `contracts/workers.py` says more."""
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    with (
        contextlib.redirect_stdout(sys.stderr), _ray.connected(options["address"]) as ray,
        tempfile.TemporaryDirectory(prefix="ray-", dir=room) as folder,
    ):  # fmt: skip
        cores = ray.cluster_resources().get("CPU", 0)
        if cores < options["cpus"]:
            raise StepError("the cluster has too few cores", where=f"ray {options['address']}", seen=cores)
        found = _tuner({"trial": trial, "facts": dict(facts)}, search, options, folder).fit()
        for error in found.errors:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise StepError("a trial fails", where=f"ray {options['address']}", seen=lines[-1],
                            hint="see whether it trains without train.workers")  # fmt: skip


def _tuner(given: dict[str, Any], search: Search, options: Mapping[str, Any], folder: str) -> Any:
    from optuna.distributions import json_to_distribution
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    known = [dict(params) for params, _ in search.known]
    chooser = OptunaSearch(
        {name: json_to_distribution(text) for name, text in search.space.items()}, metric="score",
        mode="max" if search.maximize else "min", seed=search.seed, points_to_evaluate=known or None,
        evaluated_rewards=[score for _, score in search.known] or None,
    )  # fmt: skip
    reserved = {"cpu": options["cpus"], **({"gpu": options["gpus"]} if options["gpus"] else {})}
    return tune.Tuner(
        tune.with_resources(tune.with_parameters(run, given=given), reserved),
        tune_config=tune.TuneConfig(
            metric="score", mode="max" if search.maximize else "min", num_samples=search.trials - len(known),
            max_concurrent_trials=search.at_once, search_alg=chooser,
        ),
        run_config=tune.RunConfig(
            storage_path=folder, failure_config=tune.FailureConfig(max_failures=options["retries"]), verbose=0
        ),
    )  # fmt: skip


def run(config: dict[str, Any], given: dict[str, Any]) -> dict[str, float]:
    """What a worker does for a trial."""
    from ray import tune

    name = tune.get_context().get_trial_id()
    return {"score": registry.load(given["trial"])(given["facts"], name, config)}
