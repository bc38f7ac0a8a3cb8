"""TensorBoard's own reader finds the curves that training wrote."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")
sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import dataset, work

from modelworks import lifecycle
from modelworks.core import config
from modelworks.pipeline.keys import all_keys
from modelworks.stages import learn

pytestmark = pytest.mark.filterwarnings("ignore")  # of tensorboard's own imports


def test_its_reader_finds_every_step(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    dataset(tmp_path / "data", "named-entity-recognition")
    wish = {"budget": "1h", "options": {"epochs": 3, "batch_size": 4, "threads": 1}}
    params = {"task": "named-entity-recognition", "train": wish, "tensorboard": "curves"}
    facts = learn.train(work(tmp_path, "checkpoint", {"dataset": tmp_path / "data"}, params))
    (folder,) = (tmp_path / "curves").iterdir()
    found = EventAccumulator(str(folder))
    found.Reload()
    losses = found.Scalars("training/loss")
    assert [point.step for point in losses] == list(range(1, facts["steps"] + 1))
    assert all(point.value > 0 for point in losses)
    history = json.loads((tmp_path / "checkpoint" / "history.json").read_text())
    scored = [point.value for point in found.Scalars("training/scored")]
    assert scored == pytest.approx([value for _, value in history["dev"]])


def test_where_curves_go_is_no_part_of_a_key(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nx,a\ny,b\n")
    text = "name: n\ntask: sentiment-analysis\ndata: {source: a.csv}\n"
    keys = []
    for more in ("", "train: {tensorboard: runs}\n", "train: {seed: 1}\n"):
        settings = config.parse_project(text + more)
        plan = lifecycle.plan(tmp_path, settings)
        keys.append(all_keys(plan)["train"])
    assert keys[0] == keys[1] != keys[2]
    assert plan.step("train").unkeyed == {"tensorboard": "", "workers": None}
