"""One process of a training by several: `python -m …worker ROOM RANK`, started by launching.py."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

from modelworks.contracts.step import Work
from modelworks.core.errors import ModelworksError
from modelworks.core.progress import Progress, Silent
from modelworks.stages.learn.launching import TOLD


class Told:
    """Progress as lines of JSON, on standard output or another stream."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream

    def start(self, what: str, total: float | None = None, unit: str = "") -> None:
        self._tell("start", what, total, unit)

    def advance(self, done: float = 1, **facts: Any) -> None:
        self._tell("advance", done, **facts)

    def say(self, text: str) -> None:
        self._tell("say", text)

    def _tell(self, call: str, *values: Any, **facts: Any) -> None:
        print(json.dumps({"call": call, "values": values, "facts": facts}), file=self._stream, flush=True)


def main(room: Path, rank: int) -> int:
    """Train as one rank; 0 when it is done."""
    threading.Thread(target=_follow, daemon=True).start()
    from modelworks.stages.learn import ranks

    job = _job(room)
    try:
        with ranks.joined(rank, job["size"], room / "meeting") as group:
            _train(room, group, Told() if rank == 0 else Silent())
    except ModelworksError as error:
        return error.exit_code
    return 0


def member(facts: dict[str, Any], rank: int, size: int) -> None:
    """Train as one rank of a process group that somebody else has made (contracts/workers.py)."""
    from modelworks.stages.learn import ranks

    room = Path(facts["room"])
    with (room / TOLD).open("a", encoding="utf-8") as stream:
        _train(room, ranks.Ranks(rank, size), Told(stream) if rank == 0 else Silent())


def _job(room: Path) -> dict[str, Any]:
    job: dict[str, Any] = json.loads((room / "job.json").read_text("utf-8"))
    return job


def _train(room: Path, group: Any, progress: Progress) -> None:
    """Train; the facts, or the fault, are left in the room."""
    from modelworks.stages.learn import training

    try:
        facts = training.learn(_work(_job(room), room, group.rank, progress), group)
    except ModelworksError as error:
        fault = {"hint": "", **error.to_dict()}
        (room / f"fault-{group.rank}.json").write_text(json.dumps(fault), "utf-8")
        raise
    if group.leads:
        (room / "facts.json").write_text(json.dumps(facts), "utf-8")


def _follow() -> None:
    """End when whoever started this process has ended."""
    sys.stdin.read()
    os._exit(3)


def _work(job: dict[str, Any], room: Path, rank: int, progress: Progress) -> Work:
    output = Path(job["output"]) if rank == 0 else room / f"output-{rank}"
    output.mkdir(exist_ok=True)
    return Work(
        inputs={name: Path(path) for name, path in job["inputs"].items()}, params=job["params"], output=output,
        scratch=Path(job["scratch"]), project=Path(job["project"]), cache=Path(job["cache"]), progress=progress,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
