"""A Ray cluster: what the engine, the deployment and the workers of that name share."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modelworks.contracts.check import Finding
from modelworks.core.errors import MissingExtra, StepError


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray's module, connected for the block; `local` starts a cluster on this machine that ends with the block."""
    ray = imported()
    try:
        _reach(address)
        ray.init(address=address, include_dashboard=False if address == "local" else None, log_to_driver=False,
                 logging_level="ERROR")  # fmt: skip
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        hint = "ray status --address … says whether it runs; `address: local` needs none"
        raise StepError(f"no Ray cluster answers: {error}", where=f"ray {address}", hint=hint) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def imported() -> Any:
    """Ray's module; nothing is reported to its makers."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "ray") from error
    return ray


def check(what: str, address: str) -> Finding:
    """Whether a cluster answers, and how many cores it has."""
    try:
        if address == "local":
            return Finding(what, "ok", f"version {imported().__version__}")
        with connected(address) as ray:
            return Finding(what, "ok", f"{ray.cluster_resources().get('CPU', 0):.0f} cores")
    except (MissingExtra, StepError) as error:
        return Finding(what, "fault", error.message, error.hint)


def died(ray: Any, error: BaseException | None) -> bool:
    """Whether a worker or a node ended, rather than what it was asked to do."""
    gone = (
        ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError,
        ray.exceptions.ObjectLostError,
    )  # fmt: skip
    while error is not None:
        if isinstance(error, gone):
            return not getattr(error, "actor_init_failed", False)
        error = error.__cause__
    return False


def _reach(address: str) -> None:
    """An OSError within seconds when nothing listens; Ray's own tries take minutes, and end the process."""
    host, mark, port = address.rpartition(":")
    if mark and port.isdigit():
        with socket.create_connection((host.removeprefix("ray://").strip("[]"), int(port)), timeout=5):
            pass
