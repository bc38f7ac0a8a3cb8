"""The train and export stages, on the tasks' own examples."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import dataset, tiny_text_model, tiny_vision_model, work

from modelworks.bundle import Predictor
from modelworks.contracts import task as tasks
from modelworks.core.errors import ConfigError, DataError, MissingExtra, StepError
from modelworks.core.progress import Silent
from modelworks.dataset import Dataset, create
from modelworks.kinds import Label, Text
from modelworks.stages import learn

QUICK = {
    "sentiment-analysis": {},
    "named-entity-recognition": {"epochs": 40, "threads": 1, "learning_rate": 0.01},
    "image-classification": {"epochs": 4, "threads": 1, "widths": [4, 8, 8, 16]},
}


class Told(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.facts: list[dict[str, object]] = []
        self.said: list[str] = []

    def start(self, what, total=None, unit=""):
        self.parts.append(what)

    def advance(self, done=1, **facts):
        self.facts.append(facts)

    def say(self, text):
        self.said.append(text)


def train(root, task, model="compact", options=None, budget="1h", progress=None, tune=None):
    data = root / "data"
    if not data.is_dir():
        dataset(data, task)
    wish = {"model": model, "budget": budget, "options": QUICK[task] if options is None else options}
    wish |= {"tune": tune} if tune else {}
    return learn.train(work(root, "checkpoint", {"dataset": data}, {"task": task, "train": wish}, progress))


def export(root, task):
    inputs = {"dataset": root / "data", "checkpoint": root / "checkpoint"}
    return learn.export(work(root, "bundle", inputs, {"task": task, "name": "tried"}))


@pytest.mark.parametrize("task", sorted(QUICK))
def test_from_a_dataset_to_a_bundle_that_answers(tmp_path, task):
    told = Told()
    facts = train(tmp_path, task, progress=told)
    made = export(tmp_path, task)
    assert made["difference"] <= 1e-3
    assert made["bytes"] <= 8_000_000
    folder = tmp_path / "bundle" / "bundle"
    predictor = Predictor.open(folder)
    examples = list(Dataset.open(tmp_path / "data").examples("dev"))
    answers = predictor.predict([example.input for example in examples])
    assert len(answers) == len(examples)
    assert {"selftest.json", "profile.json", "README.md"} <= {path.name for path in folder.iterdir()}
    manifest = predictor.manifest
    assert manifest.provenance["dataset"]["id"] == Dataset.open(tmp_path / "data").id
    assert manifest.provenance["versions"]["torch"]
    assert facts["kept"] in ("start", "trained")
    history = json.loads((tmp_path / "checkpoint" / "history.json").read_text())
    assert history["dev"]
    if facts["kept"] == "trained":
        assert "training" in told.parts
        assert {"loss", "lr"} <= told.facts[-1].keys()


def test_the_quick_compact_classifier_learns_its_examples(tmp_path):
    assert train(tmp_path, "sentiment-analysis")["dev"] == 1.0
    export(tmp_path, "sentiment-analysis")
    predictor = Predictor.open(tmp_path / "bundle" / "bundle")
    assert "temperature" in predictor.manifest.provenance["calibration"]
    examples = list(Dataset.open(tmp_path / "data").examples("dev"))
    answers = predictor.predict([example.input for example in examples])
    assert [answer.label for answer in answers] == [example.target.label for example in examples]


def test_pretrained_weights_and_their_licence_go_along(tmp_path):
    tiny_text_model(tmp_path / "tiny")
    options = {"epochs": 2, "threads": 1, "fast_math": False}
    facts = train(tmp_path, "sentiment-analysis", model="tiny", options=options)
    assert facts["model"] == "tiny"
    (tmp_path / "tiny").rename(tmp_path / "gone")  # export needs the checkpoint alone
    export(tmp_path, "sentiment-analysis")
    manifest = Predictor.open(tmp_path / "bundle" / "bundle").manifest
    assert manifest.provenance["model"]["sha256"]["model.safetensors"]
    assert any(licence.what == "weights of tiny" for licence in manifest.licences)


def test_any_vision_model_can_be_the_backbone(tmp_path):
    tiny_vision_model(tmp_path / "tiny", "vit")
    train(
        tmp_path, "image-classification", model="tiny", options={"epochs": 1, "threads": 1, "head_learning_rate": 0.1}
    )
    assert export(tmp_path, "image-classification")["difference"] <= 1e-3
    checkpoint = json.loads((tmp_path / "checkpoint" / "checkpoint.json").read_text())
    resize = checkpoint["front"]["body"]["before"][1]["params"]
    assert (resize["height"], resize["width"]) == (32, 32)


def test_weights_of_another_configuration_are_refused(tmp_path):
    tiny_text_model(tmp_path / "tiny")
    config = tmp_path / "tiny" / "config.json"
    config.write_text(config.read_text().replace('"hidden_size": 32', '"hidden_size": 16'))
    with pytest.raises(StepError, match="do not fit"):
        train(tmp_path, "sentiment-analysis", model="tiny", options={})


def test_a_loss_that_is_not_a_number_stops_with_advice(tmp_path):
    options = {"epochs": 3, "threads": 1, "learning_rate": 1e30, "clip": 1e30, "warmup": 0.0}
    with pytest.raises(StepError, match="loss is not a number") as caught:
        train(tmp_path, "named-entity-recognition", options=options)
    assert "learning_rate" in caught.value.hint


def test_an_unknown_option_names_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="epochs"):
        train(tmp_path, "sentiment-analysis", options={"epoch": 3})


def test_a_wrong_value_of_an_option_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not a valid option"):
        train(tmp_path, "sentiment-analysis", options={"epochs": "many"})


def test_a_family_of_another_shape_is_refused(tmp_path):
    dataset(tmp_path / "data", "sentiment-analysis")
    given = work(
        tmp_path, "checkpoint", {"dataset": tmp_path / "data"},
        {"task": "sentiment-analysis", "train": {"family": "image"}},
    )  # fmt: skip
    with pytest.raises(ConfigError, match="shape sequence"):
        learn.train(given)


def test_one_class_only_is_refused(tmp_path):
    examples = [replace(e, split=s, target=Label("x")) for s in ("train", "dev") for e in task_examples()]
    create(tmp_path / "data", examples, input="text", target="label")
    with pytest.raises(DataError, match="fewer than two classes"):
        train(tmp_path, "sentiment-analysis")


def test_an_example_beyond_the_limits_is_named(tmp_path):
    long = replace(task_examples()[0], input=Text("no " * 400_000), where="reviews.csv:7")
    examples = [replace(e, split=s) for s in ("train", "dev") for e in task_examples()]
    create(tmp_path / "data", [*examples, replace(long, id="long", split="train")], input="text", target="label")
    with pytest.raises(DataError, match="too long") as caught:
        train(tmp_path, "sentiment-analysis")
    assert "long" in caught.value.where or "reviews.csv:7" in caught.value.where


def test_no_dev_split_is_refused(tmp_path):
    create(tmp_path / "data", [replace(e, split="train") for e in task_examples()], input="text", target="label")
    with pytest.raises(DataError, match="no dev split"):
        train(tmp_path, "sentiment-analysis")


def test_the_budget_ends_training_and_a_model_is_there(tmp_path):
    options = {"epochs": 100_000, "threads": 1, "patience": 10**9}
    began = time.monotonic()
    facts = train(tmp_path, "named-entity-recognition", options=options, budget="8s")
    assert time.monotonic() - began < 8 * 1.05 + 2  # what is imported the first time counts too
    assert facts["steps"] >= 1
    assert (tmp_path / "checkpoint" / "model.safetensors").is_file()


def test_pictures_are_read_once_and_kept(tmp_path):
    train(tmp_path, "image-classification")
    kept = sorted((tmp_path / "cache" / "rows").rglob("*.npy"))
    assert [path.name for path in kept] == ["train.npy"]
    changed = kept[0].stat().st_mtime_ns
    for path in (tmp_path / "scratch").glob("*"):
        path.unlink() if path.is_file() else None
    train(tmp_path, "image-classification", options={**QUICK["image-classification"], "epochs": 1})
    assert kept[0].stat().st_mtime_ns == changed


def test_the_best_of_some_trials_is_kept_and_a_search_resumes(tmp_path):
    tune = {"trials": 3, "space": {"strength": {"low": 0.1, "high": 10.0, "log": True}, "smoothing": [0.5, 1.0]}}
    told = Told()
    first = train(tmp_path, "sentiment-analysis", tune=tune, progress=told)
    assert first["dev"] == 1.0
    assert sum("trial" in line for line in told.said) == 4
    chosen = json.loads((tmp_path / "checkpoint" / "checkpoint.json").read_text())["options"]
    assert 0.1 <= chosen["strength"] <= 10.0
    weights = (tmp_path / "checkpoint" / "model.safetensors").read_bytes()
    again = Told()
    train(tmp_path, "sentiment-analysis", tune=tune, progress=again)  # all trials are stored: none runs again
    assert sum(line.startswith("trial") for line in again.said) == 0
    assert (tmp_path / "checkpoint" / "model.safetensors").read_bytes() == weights


def test_a_range_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not a range to search"):
        train(tmp_path, "sentiment-analysis", tune={"trials": 1, "space": {"strength": 3}})
    with pytest.raises(ConfigError, match="no such option"):
        train(tmp_path, "sentiment-analysis", tune={"trials": 1, "space": {"depth": [1, 2]}})


def test_rare_classes_can_weigh_more(tmp_path):
    options = {**QUICK["named-entity-recognition"], "epochs": 2, "class_weights": "balanced"}
    train(tmp_path, "named-entity-recognition", options=options)
    weighted = json.loads((tmp_path / "checkpoint" / "history.json").read_text())["loss"]
    shutil.rmtree(tmp_path / "scratch")
    train(tmp_path, "named-entity-recognition", options={**options, "class_weights": "none"})
    plain = json.loads((tmp_path / "checkpoint" / "history.json").read_text())["loss"]
    assert weighted != plain


def test_the_room_costs_nothing_until_it_is_used():
    code = (
        "import sys, os, modelworks.stages.learn as learn\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
        "assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_the_extra_is_named(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith("modelworks.stages.learn.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    dataset(tmp_path / "data", "sentiment-analysis")
    given = work(tmp_path, "checkpoint", {"dataset": tmp_path / "data"}, {"task": "sentiment-analysis", "train": {}})
    with pytest.raises(MissingExtra, match=r"modelworks\[train\]"):
        learn.train(given)


def task_examples():
    return tasks.find("sentiment-analysis").example()
