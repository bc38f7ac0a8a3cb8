"""A project folder and the step `prepare` over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelworks.contracts.step import Work
from modelworks.core.config import Data
from modelworks.core.progress import Silent
from modelworks.dataset import Dataset
from modelworks.stages import prepare


class Prepared:
    """Runs `prepare` in a project."""

    def __init__(self, project: Path) -> None:
        self.project, self.said, self._runs = project, list[str](), 0
        self.counted: dict[str, list[float]] = {}
        """Part of the work -> [units expected, units done]."""

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def run(self, task: str = "sentiment-analysis", **data: Any) -> Dataset:
        self._runs += 1
        output = self.project.parent / f"artifact{self._runs}"
        output.mkdir()
        plain = msgspec.to_builtins(msgspec.convert(data, Data))
        facts = prepare.run(
            Work(
                inputs={"source": self.project},
                params={"task": task, "data": plain},
                output=output,
                scratch=output.parent,
                project=self.project,
                cache=output.parent,
                progress=_Listening(self.said, self.counted),
            )
        )
        dataset = Dataset.open(output)
        assert facts["dataset"] == dataset.id
        return dataset


class _Listening(Silent):
    def __init__(self, said: list[str], counted: dict[str, list[float]]) -> None:
        self._said, self._counted, self._what = said, counted, ""

    def start(self, what: str, total: float | None = None, unit: str = "") -> None:
        self._what, self._counted[what] = what, [total or 0, 0]

    def advance(self, done: float = 1, **facts: Any) -> None:
        self._counted[self._what][1] += done

    def say(self, text: str) -> None:
        self._said.append(text)


@pytest.fixture
def prepared(project: Path) -> Prepared:
    return Prepared(project)


@pytest.fixture
def table() -> Callable[..., str]:
    """A CSV of `count` distinct texts with labels in turn."""

    def make(count: int = 40, labels: tuple[str, ...] = ("good", "bad"), first: int = 0) -> str:
        rows = [f"a text numbered {n},{labels[n % len(labels)]}" for n in range(first, first + count)]
        return "\n".join(["text,label", *rows, ""])

    return make
