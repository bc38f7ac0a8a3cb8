"""Trains in a process of its own, so that a test can kill it: python resume_worker.py ROOT OUTPUT [kill at step]."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import work

from modelworks.core.progress import Silent
from modelworks.stages import learn


class Killer(Silent):
    """Kills its own process, as hard as can be, after some training steps."""

    def __init__(self, step: int) -> None:
        self._step, self._seen, self._training = step, 0.0, False

    def start(self, what: str, total: float | None = None, unit: str = "") -> None:
        self._training = what == "training"

    def advance(self, done: float = 1, **facts: object) -> None:
        self._seen += done if self._training else 0
        if self._step and self._seen >= self._step:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    root, output, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0
    from modelworks.stages.learn import loop

    loop.SAVE_EVERY, loop._SHARE = 0.0, 1e9  # a checkpoint after every step
    task, model = sys.argv[4:6]
    options = {"epochs": 3, "batch_size": 3, "threads": 1, "scorings": 0.5, "fast_math": False, "patience": 99}
    params = {"task": task, "train": {"model": model, "budget": "1h", "options": options}}
    given = work(root, output, {"dataset": root.parent / "data"}, params, Killer(step))
    learn.train(given)


if __name__ == "__main__":
    main()
