"""Stage functions that tests of the pipeline name in their plans (put on the path by the `stages` fixture)."""

import os
import signal
import time

from modelworks.contracts.step import Work
from modelworks.core.errors import GateFailed


def count(work: Work) -> dict:
    """Writes the sum of its inputs plus a parameter; appends its name to a diary so that runs can be counted."""
    total = sum(int((path / "n").read_text()) for path in work.inputs.values() if (path / "n").exists())
    (work.output / "n").write_text(str(total + work.params.get("add", 1)))
    with (work.project / "diary").open("a") as diary:
        diary.write(work.params["name"] + "\n")
    return {"n": total + work.params.get("add", 1)}


def fail(work: Work) -> dict:
    (work.output / "half").write_text("half done")
    raise RuntimeError("planted")


def refuse(work: Work) -> dict:
    raise GateFailed("planted: no")


def full(work: Work) -> dict:
    raise OSError(28, "No space left on device")


def slow(work: Work) -> dict:
    time.sleep(0.5)
    return count(work)


def slow_once(work: Work) -> dict:
    """Takes very long the first time, and says so with its parent's process id; then it is quick."""
    mark = work.project / "slow_began"
    if not mark.exists():
        mark.write_text(str(os.getppid()))
        time.sleep(600)
    return count(work)


def killed_once(work: Work) -> dict:
    """Kills its own process the first time, after leaving something in scratch and half an output."""
    mark = work.scratch / "progress"
    if not mark.exists():
        mark.write_text("7")
        (work.output / "n").write_text("rubbish")
        os.kill(os.getpid(), signal.SIGKILL)
    return count(work) | {"resumed_from": mark.read_text()}
