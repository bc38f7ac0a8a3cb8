"""One process of a training by several: `python -m …worker ROOM RANK`, started by launching.py."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from modelworks.contracts.step import Work
from modelworks.core.errors import ModelworksError
from modelworks.core.progress import Progress, Silent


class Told:
    """Progress as lines of JSON on standard output."""

    def start(self, what: str, total: float | None = None, unit: str = "") -> None:
        self._tell("start", what, total, unit)

    def advance(self, done: float = 1, **facts: Any) -> None:
        self._tell("advance", done, **facts)

    def say(self, text: str) -> None:
        self._tell("say", text)

    def _tell(self, call: str, *values: Any, **facts: Any) -> None:
        print(json.dumps({"call": call, "values": values, "facts": facts}), flush=True)  # noqa: T201


def main(room: Path, rank: int) -> int:
    """Train as one rank; 0 when it is done."""
    threading.Thread(target=_follow, daemon=True).start()
    from modelworks.stages.learn import ranks, training

    job = json.loads((room / "job.json").read_text("utf-8"))
    try:
        with ranks.joined(rank, job["size"], room / "meeting") as group:
            facts = training.learn(_work(job, room, rank), group)
    except ModelworksError as error:
        fault = {"hint": "", **error.to_dict()}
        (room / f"fault-{rank}.json").write_text(json.dumps(fault), "utf-8")
        return error.exit_code
    if rank == 0:
        (room / "facts.json").write_text(json.dumps(facts), "utf-8")
    return 0


def _follow() -> None:
    """End when whoever started this process has ended."""
    sys.stdin.read()
    os._exit(3)


def _work(job: dict[str, Any], room: Path, rank: int) -> Work:
    output = Path(job["output"]) if rank == 0 else room / f"output-{rank}"
    output.mkdir(exist_ok=True)
    progress: Progress = Told() if rank == 0 else Silent()
    return Work(
        inputs={name: Path(path) for name, path in job["inputs"].items()}, params=job["params"], output=output,
        scratch=Path(job["scratch"]), project=Path(job["project"]), cache=Path(job["cache"]), progress=progress,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
