"""TensorFlow and Keras, in a Python of their own: jobs are files in a folder (tensorflow_worker.py)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelworks.contracts.family import Front
from modelworks.contracts.foreign import Port, Request
from modelworks.core.errors import BundleError, ConfigError, StepError

VARIABLE = "MODELWORKS_TENSORFLOW"
"""Environment variable: the Python that has TensorFlow, where no option names it."""
_USUAL = ".venvs/tensorflow/bin/python"
_WORKER = Path(__file__).with_name("tensorflow_worker.py")
SECONDS = 1800
"""Most seconds of a conversion, of answers, and of a training that states no limit."""


def interpreter(given: str = "") -> str:
    """The Python to use; a ConfigError that says how to make one when there is none."""
    named = given or os.environ.get(VARIABLE, "")
    for candidate in [named] if named else [_USUAL]:
        if found := shutil.which(str(Path(candidate).expanduser())):
            return found
    raise ConfigError(
        "there is no Python with TensorFlow", where="--python" if given else VARIABLE, seen=named or _USUAL,
        hint=f"python3.11 -m venv .venvs/tensorflow && {_USUAL} -m pip install tensorflow-cpu keras tf2onnx",
    )  # fmt: skip


def work(python: str, job: dict[str, Any], folder: Path, seconds: float = SECONDS) -> None:
    """Do one job in TensorFlow's Python; BundleError with its words when it cannot."""
    path, fault = folder / "job.json", folder / "fault.json"
    fault.unlink(missing_ok=True)
    path.write_text(json.dumps({**job, "folder": str(folder)}), "utf-8")
    command = [python, "-I", str(_WORKER), str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise StepError("TensorFlow took too long", where=job["do"], seen=f"{seconds:.0f} s") from error
    if fault.is_file():
        words = str(json.loads(fault.read_text("utf-8")))
        raise BundleError(f"TensorFlow cannot {job['do']} it: {_first(words)}", where=str(job.get("file", "train")))
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no words"])[-1]
        raise StepError(
            f"the Python of TensorFlow ended with {done.returncode}: {last}", where=python,
            hint=f"{python} -c 'import tensorflow, keras, tf2onnx' must work",
        )  # fmt: skip


class TensorFlowModel:
    """`contracts.foreign.Foreign`: converted when it is opened, asked in a second process."""

    front: Front | None = None
    folder: Path | None = None

    def __init__(self, form: str, file: Path, request: Request, scratch: Path) -> None:
        self._python, self._scratch = interpreter(request.python), scratch
        self._job = {"form": form, "file": str(file.resolve())}
        work(self._python, {**self._job, "do": "convert"}, scratch)
        self.inputs = signature(scratch)

    def run(self, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        named: dict[str, Any] = {str(number): feed for number, feed in enumerate(feeds)}
        np.savez(self._scratch / "feeds.npz", **named)
        work(self._python, {**self._job, "do": "run"}, self._scratch)
        return answers(self._scratch)

    def export(self, path: Path, feeds: Sequence[np.ndarray]) -> None:
        shutil.copyfile(self._scratch / "model.onnx", path)


def signature(folder: Path) -> tuple[Port, ...]:
    """What `convert` wrote of the inputs."""
    plain = json.loads((folder / "signature.json").read_text("utf-8"))
    return tuple(Port(name=one["name"], dtype=one["dtype"], shape=tuple(one["shape"])) for one in plain)


def answers(folder: Path) -> list[np.ndarray]:
    """What `run` wrote."""
    with np.load(folder / "answers.npz", allow_pickle=False) as found:
        return [found[str(number)] for number in range(len(found.files))]


def _first(words: str) -> str:
    text = " ".join(words.split())
    return text if len(text) < 300 else f"{text[:299]}…"
