"""Training on the workers of a system, of which a planted one stands in: what is told, and faults in their words."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import dataset, work
from test_processes import CASES, STILL, Curve, known

from modelworks.contracts import task as tasks
from modelworks.contracts import workers
from modelworks.core import registry
from modelworks.core.errors import ConfigError, ModelworksError, StepError
from modelworks.dataset import create
from modelworks.stages import learn

TASK, MORE = CASES["compact"]


class Alone:
    """Does what ranks do together in this process, as the one rank."""

    options = {"fail": ""}  # noqa: RUF012

    def together(self, part, facts, size, options):
        if options["fail"]:
            raise StepError("a worker is gone")
        try:
            registry.load(part)(facts, 0, 1)
        except ModelworksError as error:
            raise StepError("the workers fail") from error


@pytest.fixture(autouse=True)
def planted(monkeypatch):
    find = workers.find
    monkeypatch.setattr(workers, "find", lambda name: Alone() if name == "alone" else find(name))


def train(root, wish, options, curve=None):
    if not (root / "data").is_dir():
        dataset(root / "data", TASK)
    given = {**known(TASK, "compact", {**STILL, **MORE}), "epochs": 2, "processes": 2, **options}
    params = {"task": TASK, "train": {"budget": "1h", "options": given}, "workers": wish}
    return learn.train(work(root, "checkpoint", {"dataset": root / "data"}, params, curve))


def test_it_is_told_of_and_leaves_nothing_behind(tmp_path):
    curve = Curve()
    facts = train(tmp_path, "alone", {}, curve)
    assert len(curve.losses) == facts["steps"] > 0
    assert (tmp_path / "checkpoint/model.safetensors").is_file()
    assert not list((tmp_path / "scratch").glob("modelworks-ranks-*"))


def test_a_fault_is_told_in_its_words(tmp_path):
    task = tasks.find(TASK)
    examples = [replace(example, split="train") for example in task.example()]
    create(tmp_path / "data", examples, input=task.input, target=task.target)
    with pytest.raises(StepError, match="there is no dev split") as caught:
        train(tmp_path, "alone", {})
    assert "data.dev" in caught.value.hint


def test_the_end_of_a_worker_and_a_wrong_option_are_told(tmp_path):
    with pytest.raises(StepError, match="a worker is gone"):
        train(tmp_path / "a", {"name": "alone", "options": {"fail": "yes"}}, {})
    with pytest.raises(ConfigError, match="no such option"):
        train(tmp_path / "b", {"name": "alone", "options": {"fall": "yes"}}, {})
