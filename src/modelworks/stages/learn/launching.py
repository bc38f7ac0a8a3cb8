"""Training in several processes of this machine: starts them, hears the one that leads, ends all when one fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelworks.contracts.step import Work
from modelworks.core.errors import StepError
from modelworks.core.progress import Progress

_WORKER = "modelworks.stages.learn.worker"
_GRACE = 10.0
"""Seconds in which the others may end by themselves after the first has."""


def run(work: Work, processes: int) -> dict[str, Any]:
    """The facts of a training that `processes` processes did."""
    with tempfile.TemporaryDirectory(prefix="modelworks-ranks-") as name:
        room = Path(name)
        (room / "job.json").write_text(json.dumps(_job(work, processes)), "utf-8")
        started = [_start(room, rank) for rank in range(processes)]
        listener = threading.Thread(target=_listen, args=(started[0], work.progress), daemon=True)
        listener.start()
        try:
            _wait(started, room)
        finally:
            _end(started)
            listener.join(_GRACE)
            assert started[0].stdout is not None
            started[0].stdout.close()
        facts: dict[str, Any] = json.loads((room / "facts.json").read_text("utf-8"))
        return facts


def _job(work: Work, processes: int) -> dict[str, Any]:
    folders = {name: str(getattr(work, name)) for name in ("output", "scratch", "project", "cache")}
    inputs = {name: str(path) for name, path in work.inputs.items()}
    return {**folders, "inputs": inputs, "params": dict(work.params), "size": processes}


def _start(room: Path, rank: int) -> subprocess.Popen[str]:
    """A process that ends when its standard input closes: with this one, however this one ends."""
    with (room / f"errors-{rank}.txt").open("w") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", _WORKER, str(room), str(rank)], stdin=subprocess.PIPE, text=True, errors="replace",
            stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL, stderr=errors, env=dict(os.environ),
        )  # fmt: skip


def _listen(leader: subprocess.Popen[str], progress: Progress) -> None:
    assert leader.stdout is not None
    for line in leader.stdout:
        try:
            told = json.loads(line)
        except ValueError:  # a library printed something
            continue
        getattr(progress, told["call"])(*told["values"], **told["facts"])


def _wait(started: Sequence[subprocess.Popen[str]], room: Path) -> None:
    """Until all have ended well; the first failure is raised in its own words."""
    while True:
        codes = [process.poll() for process in started]
        failed = next((rank for rank, code in enumerate(codes) if code), None)
        if failed is not None:
            raise _fault(room, failed, int(codes[failed] or 0))
        if all(code == 0 for code in codes):
            return
        time.sleep(0.05)


def _fault(room: Path, rank: int, code: int) -> StepError:
    told = sorted(room.glob("fault-*.json"))
    if told:
        fault = json.loads(told[0].read_text("utf-8"))
        return StepError(fault["message"], where=fault.get("where", ""), seen=fault.get("seen"), hint=fault["hint"])
    lines = (room / f"errors-{rank}.txt").read_text("utf-8", "replace").strip().splitlines()
    return StepError(
        f"process {rank} of the training ended with {code}", where="train.options.processes",
        seen=lines[-1] if lines else None, hint="see whether it runs with processes: 1; was there memory enough?",
    )  # fmt: skip


def _end(started: Sequence[subprocess.Popen[str]]) -> None:
    for process in started:
        if process.stdin is not None:
            process.stdin.close()
    for process in started:
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
