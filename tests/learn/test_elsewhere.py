"""Training on the workers of a system, of which a planted one stands in: what is told, and faults in their words."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import dataset, work
from test_processes import CASES, STILL, Curve
from tiny_tasks import known

from modelworks import lifecycle
from modelworks.contracts import task as tasks
from modelworks.contracts import workers
from modelworks.core import config, registry
from modelworks.core.errors import ConfigError, ModelworksError, StepError
from modelworks.dataset import create
from modelworks.pipeline.keys import all_keys
from modelworks.stages import learn

TASK, MORE = CASES["compact"]


class Alone:
    """Does what ranks do together in this process, as the one rank."""

    options = {"fail": ""}  # noqa: RUF012

    def together(self, part, facts, size, room, options):
        if options["fail"]:
            raise StepError("a worker is gone")
        try:
            registry.load(part)(facts, 0, 1)
        except ModelworksError as error:
            raise StepError("the workers fail") from error

    def search(self, trial, facts, search, room, options):
        """As Optuna chooses, one after another; `fail` lets the second be the last."""
        import optuna

        space = {name: optuna.distributions.json_to_distribution(text) for name, text in search.space.items()}
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=search.seed + len(search.known)))
        self.known.append([params for params, _ in search.known])
        for number in range(len(search.known), search.trials):
            asked = study.ask(space)
            registry.load(trial)(facts, f"{len(self.known)}-{number}", asked.params)
            if options["fail"] and number == 1:
                raise StepError("a worker is gone")

    known: list = []  # noqa: RUF012


@pytest.fixture(autouse=True)
def planted(monkeypatch):
    find = workers.find
    monkeypatch.setattr(workers, "find", lambda name: Alone() if name == "alone" else find(name))


def train(root, wish, options, curve=None, **more):
    if not (root / "data").is_dir():
        dataset(root / "data", TASK)
    given = {**known(TASK, "compact", {**STILL, **MORE}), "epochs": 2, "processes": 2, **options}
    params = {"task": TASK, "train": {"budget": "1h", "options": given, **more}, "workers": wish}
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


def test_a_search_goes_on_where_it_broke_off_and_keeps_the_best(tmp_path):
    Alone.known.clear()
    tune = {"trials": 3, "at_once": 2, "space": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}}
    with pytest.raises(StepError, match="a worker is gone"):
        train(tmp_path, {"name": "alone", "options": {"fail": "yes"}}, {"processes": 1}, tune=tune)
    facts = train(tmp_path, "alone", {"processes": 1}, tune=tune)
    assert [len(known) for known in Alone.known] == [0, 2]
    scores = {}
    for path in (tmp_path / "scratch").glob("trial-*/fitted.json"):
        scores[json.loads((path.parent / "params.json").read_text())["learning_rate"]] = json.loads(path.read_text())[
            "score"
        ]
    assert len(scores) == 3
    best = min(scores.values())  # bits: less is better
    assert facts["dev"] == pytest.approx(best, abs=1e-5)
    made = json.loads((tmp_path / "checkpoint/checkpoint.json").read_text())
    assert scores[made["options"]["learning_rate"]] == best
    with pytest.raises(ConfigError, match="trials at once need workers"):
        train(tmp_path / "b", None, {"processes": 1}, tune=tune)


def test_where_it_trains_is_no_part_of_a_key_and_trials_at_once_are(tmp_path):
    (tmp_path / "x.txt").write_text("a text\n")
    tune = "tune: {trials: 3}"
    wishes = [tune, f"{tune}, workers: ray", f"{tune}, workers: {{name: ray, options: {{cpus: 2}}}}",
              "tune: {trials: 3, at_once: 2}"]  # fmt: skip
    keys = []
    for wish in wishes:
        text = f"name: x\ntask: {TASK}\ndata: {{source: x.txt}}\ntrain: {{{wish}}}\n"
        keys.append(all_keys(lifecycle.plan(tmp_path, config.parse_project(text)))["train"])
    assert keys[0] == keys[1] == keys[2] != keys[3]
