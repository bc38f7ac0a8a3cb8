"""Every task goes through the whole lifecycle, from labelled lines to a release, with its own few examples."""

from __future__ import annotations

import json

import learn_fixtures
import pytest
import tiny_tasks

from modelworks.bundle import Predictor
from modelworks.contracts import format as formats
from modelworks.contracts import task as tasks
from modelworks.contracts.format import Bad, Reading
from modelworks.core import lock, paths, registry
from modelworks.core.errors import ConfigError
from modelworks.kinds import encode

NAMES = [name for name in registry.names(tasks.PACKAGE) if tasks.find(name).learnt]


@pytest.mark.parametrize("name", NAMES)
def test_its_examples_survive_being_written_as_lines(name, tmp_path):
    task, jsonl = tasks.find(name), formats.find("jsonl")
    jsonl.write(tmp_path / "all.jsonl", task.example())
    again = list(jsonl.read(tmp_path / "all.jsonl", Reading(input=task.input, target=task.target)))
    assert not [one for one in again if isinstance(one, Bad)]
    assert [(one.id, one.input, one.target) for one in again] == [
        (one.id, one.input, one.target) for one in task.example()
    ]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(learn_fixtures.tiny_text_model(tmp_path_factory.mktemp("encoder")))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_prepared_learnt_evaluated_released_and_asked(name, encoder, tmp_path):
    """From scratch; from a pretrained encoder where its family has no other way, and says so."""
    task, folder = tasks.find(name), tiny_tasks.project(tmp_path, name)
    try:
        executor = tiny_tasks.run(folder)
    except ConfigError as error:
        if error.where != "train.model":
            raise
        executor = tiny_tasks.run(tiny_tasks.project(tmp_path, name, encoder))
    assert all(executor.done(step.name) for step in executor.plan.steps)
    champion = lock.read(folder).pin("champion")
    assert champion is not None
    report = json.loads((executor.path("evaluate") / "report.json").read_text("utf-8"))
    assert set(report["scores"]) == set(task.metrics)
    predictor = Predictor.open(paths.bundle(folder, champion.bundle))
    inputs = [example.input for example in task.example()]
    together = predictor.predict(inputs)
    assert [encode(one) for one in together] == [encode(predictor.predict([value])[0]) for value in inputs]
    for value, prediction in zip(inputs, together, strict=True):
        assert list(predictor.stream(value))[-1] == prediction
