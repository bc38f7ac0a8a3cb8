"""Ray Train: workers whose process group of torch Ray sets up, which do one thing together."""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.adapters import _ray
from modelworks.core import registry
from modelworks.core.errors import ModelworksError, StepError

PATIENCE = 24 * 3600
"""Seconds that a rank may wait for another: Ray sees when one has died."""


def together(part: str, facts: Mapping[str, Any], size: int, room: Path, options: Mapping[str, Any]) -> None:
    """`size` ranks of one process group; `contracts/workers.py` says more."""
    with contextlib.redirect_stdout(sys.stderr), _ray.connected(options["address"]) as ray:
        _enough(ray, size, options)
        for tries in range(options["retries"] + 1):
            try:
                with tempfile.TemporaryDirectory(prefix="ray-", dir=room) as folder:
                    _trainer({"part": part, "facts": dict(facts)}, size, options, folder).fit()
                return
            except Exception as error:  # Ray wraps what a worker raised, and what ended it
                failures = getattr(error, "worker_failures", {}) or {0: error}
                if tries == options["retries"] or any(map(_ours, failures.values())):
                    raise StepError("Ray's workers fail", where=f"ray {options['address']}", seen=_words(failures),
                                    hint="see whether it trains without train.workers") from error  # fmt: skip


def _ours(error: BaseException | None) -> bool:
    """Whether it is a fault that another try would meet again. When a worker dies, what is heard first may be how the
    others miss it."""
    while error is not None:
        if isinstance(error, ModelworksError):
            return True
        error = getattr(error, "_base_exc", None) or error.__cause__
    return False


def _trainer(config: dict[str, Any], size: int, options: Mapping[str, Any], folder: str) -> Any:
    """One try: `together` begins again where that may help."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    logging.getLogger("ray.train").setLevel(logging.CRITICAL)
    reserved = {"CPU": options["cpus"], **({"GPU": options["gpus"]} if options["gpus"] else {})}
    return TorchTrainer(
        rank, train_loop_config=config,
        torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if options["gpus"] else "gloo", timeout_s=PATIENCE),
        scaling_config=ScalingConfig(num_workers=size, use_gpu=bool(options["gpus"]), resources_per_worker=reserved),
        run_config=RunConfig(storage_path=folder, failure_config=FailureConfig(max_failures=0)),
    )  # fmt: skip


def rank(config: dict[str, Any]) -> None:
    """What each worker does."""
    from ray import train

    context = train.get_context()
    registry.load(config["part"])(config["facts"], context.get_world_rank(), context.get_world_size())


def _enough(ray: Any, size: int, options: Mapping[str, Any]) -> None:
    """Ray would wait without end for cores that no node has."""
    cores = ray.cluster_resources().get("CPU", 0)
    if cores < size * options["cpus"]:
        raise StepError("the cluster has too few cores", where=f"ray {options['address']}", seen=cores,
                        allowed=f"{size * options['cpus']:g} for {size} processes")  # fmt: skip


def _words(failures: Mapping[int, BaseException]) -> str:
    """The end of what the first worker that failed says."""
    return (str(failures[min(failures)]).strip().splitlines() or [""])[-1]
