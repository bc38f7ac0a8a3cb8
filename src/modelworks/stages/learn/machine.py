"""How busy the machine is while it trains: a thread that looks every few seconds."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelworks.stages.learn.base import write_json

FILE = "machine.json"
EVERY = 5.0
MOST = 1000
"""Samples that are kept: beyond it every second one goes, and the pauses double."""


@contextlib.contextmanager
def watched(path: Path, every: float = EVERY) -> Iterator[None]:
    """Watch during the block, then write `path`: name -> [[seconds since the block began, value]…]. Nothing is watched
    or written without psutil."""
    try:
        import psutil
    except ModuleNotFoundError:
        yield
        return
    samples: list[tuple[float, dict[str, float]]] = []
    over, began = threading.Event(), time.monotonic()
    psutil.cpu_percent()  # the next call tells the time since this one

    def look() -> None:
        samples.append((round(time.monotonic() - began, 1), _now(psutil)))

    thread = threading.Thread(target=_watch, args=(over, every, samples, look), name="machine", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    look()
    write_json(path, {name: [[after, now[name]] for after, now in samples if name in now] for name in samples[-1][1]})


def _watch(over: threading.Event, every: float, samples: list[tuple[float, dict[str, float]]], look: Any) -> None:
    while not over.wait(every):
        look()
        if len(samples) >= MOST:
            del samples[::2]
            every *= 2


def _now(psutil: Any) -> dict[str, float]:
    """Figures under the names that MLflow gives them; megabytes are 10^6 bytes."""
    memory = psutil.virtual_memory()
    return {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": round(memory.used / 1e6, 1),
        "system_memory_usage_percentage": round(memory.used / memory.total * 100, 1),
        "process_memory_usage_megabytes": round(psutil.Process().memory_info().rss / 1e6, 1),
        **_gpus(),
    }


def _gpus() -> dict[str, float]:
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    found = {}
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        found[f"gpu_{number}_memory_usage_megabytes"] = round((total - free) / 1e6, 1)
        found[f"gpu_{number}_memory_usage_percentage"] = round((total - free) / total * 100, 1)
    return found
