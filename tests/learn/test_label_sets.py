"""Training with several labels a text, soups and R-Drop."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from msgspec import structs

sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import dataset, tiny_text_model, work

from modelworks.bundle import Predictor
from modelworks.contracts.program import Call, Program
from modelworks.core.progress import Silent
from modelworks.dataset import Dataset
from modelworks.kinds import LabelScores
from modelworks.stages import learn
from modelworks.stages.learn import base, calibrate, fit
from modelworks.stages.learn import plan as plans
from modelworks.stages.learn.families.sequence import FAMILY, Pretrained, disagreement
from modelworks.stages.learn.fit import Fitted, blend

TASK = "multi-label-classification"


def bundle(root, model, options, task=TASK):
    data = root / "data"
    if not data.is_dir():
        dataset(data, task)
    wish = {"model": model, "budget": "1h", "options": options}
    facts = learn.train(work(root, "checkpoint", {"dataset": data}, {"task": task, "train": wish}))
    inputs = {"dataset": data, "checkpoint": root / "checkpoint"}
    learn.export(work(root, "bundle", inputs, {"task": task, "name": "tried"}))
    return facts, Predictor.open(root / "bundle" / "bundle")


def answers(predictor, root):
    examples = list(Dataset.open(root / "data").examples("dev"))
    found = predictor.predict([example.input for example in examples])
    return [(example.target.labels_, one.labels_) for example, one in zip(examples, found, strict=True)]


def test_a_compact_model_learns_label_sets(tmp_path):
    facts, predictor = bundle(tmp_path, "compact", {"minimum": 1})
    assert facts["metric"] == "set_jaccard"
    pairs = answers(predictor, tmp_path)
    assert sum(right == found for right, found in pairs) >= len(pairs) - 1
    calibration = predictor.manifest.provenance["calibration"]
    assert len(calibration["thresholds"]) == len(predictor.manifest.labels)
    (one,) = predictor.predict([Dataset.open(tmp_path / "data").examples("dev").__next__().input])
    assert isinstance(one, LabelScores)
    assert [s.score for s in one.scores] == sorted((s.score for s in one.scores), reverse=True)


def test_a_pretrained_model_learns_label_sets_with_a_soup(tmp_path):
    model = tiny_text_model(tmp_path / "model")
    options = {"epochs": 2, "batch_size": 8, "threads": 1, "soup": 3, "scorings": 1.0, "hide": 0.0}
    facts, predictor = bundle(tmp_path, model.name, options)
    assert facts["steps"] in (0, 4, 6, 8, 10, 12)  # the first model, or up to three runs
    assert (tmp_path / "scratch" / "run-2" / "run.json").is_file()
    assert len(answers(predictor, tmp_path)) == len(list(Dataset.open(tmp_path / "data").examples("dev")))


def test_a_soup_has_more_runs_than_were_planned_while_they_fit(tmp_path, monkeypatch):
    decide = plans.decide  # which sees room for one
    monkeypatch.setattr(plans, "decide", lambda *given, **more: structs.replace(decide(*given, **more), runs=1))
    model = tiny_text_model(tmp_path / "model")
    bundle(tmp_path, model.name, {"epochs": 1, "batch_size": 8, "threads": 1, "soup": 3, "scorings": 1.0})
    assert (tmp_path / "scratch" / "run-2" / "run.json").is_file()
    runs = [Fitted(state={}, score=0.0, how="trained", seconds=seconds) for seconds in (400.0, 1000.0)]
    assert fit._another(runs, time.monotonic() + 1100)
    assert not fit._another(runs, time.monotonic() + 1020)


@pytest.mark.parametrize(("size", "share"), [(1, 100), (2, 300)])
def test_of_several_processes_one_run_has_all_the_time(tmp_path, monkeypatch, size, share):
    """A soup's runs are compared by one process; three of them share its time."""
    ends = []

    def train(setting, options, plan, module, first, deadline, folder):
        ends.append(deadline - time.monotonic())
        return Fitted(state=fit.copy(module.state_dict()), score=0.0, how="trained")

    monkeypatch.setattr(fit, "_train", train)
    setting = SimpleNamespace(judge=Judged(), progress=Silent(), ranks=SimpleNamespace(size=size))
    plan = plans.Plan(steps=1, epoch_steps=1, every=1, threads=1, fast=False, seed=0, runs=3)
    deadline = time.monotonic() + 300
    fit._runs(setting, Pretrained(soup=3), plan, torch.nn.Linear(1, 1), None, deadline, tmp_path)
    assert ends[0] == pytest.approx(share, abs=20)
    assert len(ends) == (3 if size == 1 else 1)


def test_r_drop_asks_two_answers_to_agree():
    one, two = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.5, 0.0], [0.0, 1.0]])
    assert disagreement(one, one) == 0
    kl = torch.nn.functional.kl_div
    p, q = one.log_softmax(-1), two.log_softmax(-1)
    expected = (kl(p, q, log_target=True, reduction="batchmean") + kl(q, p, log_target=True, reduction="batchmean")) / 2
    assert torch.isclose(disagreement(one, two), expected)
    batch = {"labels": torch.tensor([0, 1]), "twice": torch.tensor(2.0)}
    options = Pretrained(label_smoothing=0.0)
    plain = base.Base.loss(FAMILY, {"logits": torch.cat([one, two])}, {"labels": torch.tensor([0, 1, 0, 1])}, options)
    batch["labels"] = torch.tensor([0, 1, 0, 1])
    assert torch.isclose(FAMILY.loss({"logits": torch.cat([one, two])}, batch, options), plain + 2 * expected)


def test_consistent_training_runs_each_batch_twice(tmp_path):
    model = tiny_text_model(tmp_path / "model")
    options = {"epochs": 1, "batch_size": 8, "threads": 1, "consistency": 1.0}
    facts, _ = bundle(tmp_path, model.name, options, task="sentiment-analysis")
    assert facts["metric"] == "accuracy"


def test_an_encoder_with_ngrams_beside_it(tmp_path):
    model = tiny_text_model(tmp_path / "model")
    options = {"epochs": 1, "batch_size": 8, "threads": 1, "ngrams": True, "learning_rate": 1e-6}
    facts, predictor = bundle(tmp_path, model.name, options, task="sentiment-analysis")
    assert predictor.manifest.graphs[0].inputs == ("input_ids", "ngrams", "attention_mask")
    assert facts["dev"] == 1.0  # the n-grams know the training texts, which dev repeats
    examples = list(Dataset.open(tmp_path / "data").examples("dev"))
    found = predictor.predict([example.input for example in examples])
    assert [one.label for one in found] == [example.target.label for example in examples]


def test_thresholds_are_those_of_the_best_f1():
    random = np.random.default_rng(0)
    right = random.random((400, 2)) < [0.3, 0.5]
    logits = np.where(right, 1.5, -1.5) + np.array([-1.0, 0.5]) + random.normal(0, 0.3, (400, 2))
    program = Program(
        inputs={}, outputs={},
        calls=(Call(op="scores.sigmoid.v1", inputs=("a",), outputs=("b",)),
               Call(op="labels.choose.v1", inputs=("b",), outputs=("c", "d"), params={"labels": ["x", "y"]})),
    )  # fmt: skip
    made = calibrate.finished(program, logits, right.astype(np.float32))
    found = calibrate.found(made)
    low, high = found["thresholds"]
    assert low < high
    chances = 1 / (1 + np.exp(-logits / found["temperature"]))
    assert ((chances >= [low, high]) == right).mean() > 0.99
    assert len(calibrate.candidates(program)) == 4


class Judged:
    """A judge that likes weights near 1."""

    sign, primary = 1.0, "closeness"

    def score(self, module):
        return 1 - abs(module.weight.item() - 1)


@pytest.mark.parametrize(
    ("weights", "mean", "steps"),
    [([0.8, 1.2, 5.0], 1.0, 20), ([1.0, 4.0], 1.0, 10), ([0.5], 0.5, 10)],
    ids=["those that help", "one that does not", "alone"],
)
def test_a_soup_keeps_the_runs_that_help(weights, mean, steps):
    def state(value):
        return {"weight": torch.tensor([[value]]), "bias": torch.zeros(1)}

    module = torch.nn.Linear(1, 1)
    runs = [Fitted(state=state(w), score=1 - abs(w - 1), how="trained", steps=10) for w in weights]
    setting = SimpleNamespace(judge=Judged(), progress=Silent())
    best = blend(setting, module, runs)
    assert best.state["weight"].item() == pytest.approx(mean)
    assert best.score == pytest.approx(1 - abs(mean - 1))
    assert best.steps == steps


def test_a_soup_goes_on_where_it_was_interrupted(tmp_path):
    model = tiny_text_model(tmp_path / "model")
    options = {"epochs": 1, "batch_size": 8, "threads": 1, "soup": 2, "scorings": 1.0}
    bundle(tmp_path, model.name, options)
    first = (tmp_path / "checkpoint" / "model.safetensors").read_bytes()
    (tmp_path / "scratch" / "run-1" / "run.json").unlink()  # as if it had stopped in the second run
    shutil.rmtree(tmp_path / "checkpoint")
    shutil.rmtree(tmp_path / "bundle")
    bundle(tmp_path, model.name, options)
    assert (tmp_path / "checkpoint" / "model.safetensors").read_bytes() == first
