"""Training in several processes, of this machine or of others: starts them, hears the one that leads, ends all when one
fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from modelworks.contracts import workers
from modelworks.contracts.step import Work
from modelworks.core import config
from modelworks.core.errors import StepError
from modelworks.core.progress import Progress

_WORKER = "modelworks.stages.learn.worker"
TOLD = "told.jsonl"
"""File of a room with what the rank that leads tells, where it has no standard output that is heard."""
_GRACE = 10.0
"""Seconds in which the others may end by themselves after the first has."""


def run(work: Work, processes: int, elsewhere: config.Workers | None) -> dict[str, Any]:
    """The facts of a training that `processes` processes did. Other machines find the room in the work's folders."""
    with tempfile.TemporaryDirectory(
        prefix="modelworks-ranks-", dir=work.scratch.absolute() if elsewhere else None
    ) as name:
        room = Path(name)
        (room / "job.json").write_text(json.dumps(_job(work, processes)), "utf-8")
        if elsewhere is None:
            _here(room, work.progress, processes)
        else:
            _elsewhere(room, work.progress, processes, elsewhere)
        facts: dict[str, Any] = json.loads((room / "facts.json").read_text("utf-8"))
        return facts


def _here(room: Path, progress: Progress, processes: int) -> None:
    started = [_start(room, rank) for rank in range(processes)]
    assert started[0].stdout is not None
    listener = threading.Thread(target=_listen, args=(started[0].stdout, progress), daemon=True)
    listener.start()
    try:
        _wait(started, room)
    finally:
        _end(started)
        listener.join(_GRACE)
        started[0].stdout.close()


def _elsewhere(room: Path, progress: Progress, processes: int, wish: config.Workers) -> None:
    system = workers.find(wish.name)
    options = workers.settled(wish.name, wish.options, where="train.workers.options")
    (room / TOLD).touch()
    over = threading.Event()
    with (room / TOLD).open(encoding="utf-8") as told:
        listener = threading.Thread(target=_listen, args=(_growing(told, over), progress), daemon=True)
        listener.start()
        try:
            system.together(f"{_WORKER}:member", {"room": str(room)}, processes, room, options)
        except StepError as error:
            raise _told(room) or error from error
        finally:
            over.set()
            listener.join(_GRACE)


def _growing(stream: TextIO, over: threading.Event) -> Iterator[str]:
    """Lines of a file that another process writes, until it is over."""
    line = ""
    while True:
        last = over.is_set()
        while piece := stream.readline():
            line += piece
            if line.endswith("\n"):
                yield line
                line = ""
        if last:
            return
        over.wait(0.2)


def _job(work: Work, processes: int) -> dict[str, Any]:
    folders = {name: str(getattr(work, name).absolute()) for name in ("output", "scratch", "project", "cache")}
    inputs = {name: str(path.absolute()) for name, path in work.inputs.items()}
    return {**folders, "inputs": inputs, "params": dict(work.params), "size": processes}


def _start(room: Path, rank: int) -> subprocess.Popen[str]:
    """A process that ends when its standard input closes: with this one, however this one ends."""
    with (room / f"errors-{rank}.txt").open("w") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", _WORKER, str(room), str(rank)], stdin=subprocess.PIPE, text=True, errors="replace",
            stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL, stderr=errors, env=dict(os.environ),
        )  # fmt: skip


def _listen(lines: Iterable[str], progress: Progress) -> None:
    for line in lines:
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


def _told(room: Path) -> StepError | None:
    """What a process said of its own end."""
    for path in sorted(room.glob("fault-*.json")):
        fault = json.loads(path.read_text("utf-8"))
        return StepError(fault["message"], where=fault.get("where", ""), seen=fault.get("seen"), hint=fault["hint"])
    return None


def _fault(room: Path, rank: int, code: int) -> StepError:
    if told := _told(room):
        return told
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
