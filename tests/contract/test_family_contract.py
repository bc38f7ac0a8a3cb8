"""What every network family must hold, compact and pretrained, over every task of its shape."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from modelworks.bundle import Interpreter, open_resources
from modelworks.contracts import task as tasks
from modelworks.contracts.body import LEAVES
from modelworks.contracts.family import Recipe, Source
from modelworks.core import registry
from modelworks.core.errors import ConfigError
from modelworks.stages.learn import sources

pytest.importorskip("torch")
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "learn"))
from learn_fixtures import tiny_text_model, tiny_vision_model

FAMILIES = "modelworks.stages.learn.families"
LEAVES_OF_FAMILIES = registry.names(FAMILIES)
SEVERAL = {
    "seq2seq": "tests/learn/test_seq2seq.py", "causal": "tests/learn/test_causal.py",
    "tree": "tests/learn/test_tree_family.py", "keras-sequence": "tests/systems/test_tensorflow.py",
    "keras-image": "tests/systems/test_tensorflow.py",
}  # fmt: skip
"""Families of several graphs, of one that runs again and again, or that another framework trains, each held to the same
by tests of its own."""
CASES = [(family, kind) for family in LEAVES_OF_FAMILIES if family not in SEVERAL for kind in ("compact", "pretrained")]


@pytest.fixture(scope="module", params=CASES, ids=["-".join(case) for case in CASES])
def case(request, tmp_path_factory):
    name, kind = request.param
    torch.set_num_threads(1)
    family = registry.leaf(FAMILIES, name, "FAMILY")
    same = [task for task in map(tasks.find, registry.names(tasks.PACKAGE)) if task.shape == family.shape]
    task = min(same, key=yes_or_no)  # sets of labels have a test of their own, tests/learn/test_label_sets.py
    folder = tmp_path_factory.mktemp(f"{name}-{kind}")
    source = Source(name="compact") if kind == "compact" else pretrained(folder / "model", family.shape)
    options = (family.compact if kind == "compact" else family.options)()
    examples = task.example()
    labels = sorted({label for example in examples for label in example.target.labels()})
    try:
        front = family.prepare(examples, source, options, folder)
    except ConfigError as error:
        if source.compact and error.where == "train.model":
            pytest.skip(f"{name} has no network from scratch, and says so")
        raise
    feeds: list[dict[str, np.ndarray]] = []

    module = family.build(front, task.classes(labels), options, folder).eval()

    def graph(arrays):
        feeds.append(dict(arrays))
        with torch.inference_mode():
            answer = module(**{name: torch.from_numpy(array) for name, array in arrays.items()})
        return {name: value.numpy() for name, value in answer.items()}

    program = task.program(labels, front.body)
    resources = open_resources(folder, front.resources)
    interpreter = Interpreter(program, {"model": graph}, resources, input=task.input, prediction=task.prediction)
    rows = [
        {**row, **task.encode(example.target, row, labels)}
        for example, row in zip(examples, interpreter.rowwise([e.input for e in examples]), strict=True)
    ]
    return SimpleNamespace(
        family=family, task=task, folder=folder, source=source, options=options, examples=examples, labels=labels,
        front=front, program=program, interpreter=interpreter, rows=rows, feeds=feeds, classes=task.classes(labels),
        resources=resources,
    )  # fmt: skip


def yes_or_no(task):
    """Whether the task's classes are independent questions."""
    return task.target == "label_set"


def pretrained(folder: Path, shape: str) -> Source:
    folder.mkdir()
    make = tiny_vision_model if shape == "image" else tiny_text_model
    return sources.resolve(make(folder).name, folder.parent)


def network(case, seed=0):
    torch.manual_seed(seed)
    module = case.family.build(case.front, case.classes, case.options, case.folder)
    if not case.source.compact:
        case.family.load(module, case.source)
    return module


def fitted(case, steps=60):
    """The network after its quick start, or after some steps on one batch."""
    module = network(case)
    groups = [group for group in case.family.groups(module, case.options) if group["params"]]
    if not groups:
        assert case.family.start(module, case.rows, case.front, case.options)
        return module.eval()
    for group in groups:
        group["lr"] = 5e-3
    optimizer = torch.optim.AdamW(groups)
    batch = case.family.collate(case.rows, case.front)
    module.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss(case, module, batch).backward()
        optimizer.step()
    return module.eval()


def loss(case, module, batch):
    outputs = module(**{name: value for name, value in batch.items() if name != "labels"})
    return case.family.loss(outputs, batch, case.options)


def test_it_names_its_shape_and_options(case):
    assert case.family.shape in LEAVES
    for struct in (case.family.options, case.family.compact):
        assert issubclass(struct, Recipe)
        assert msgspec.convert({}, struct) == struct()
        known = {field.encode_name for field in msgspec.structs.fields(struct)}
        assert set(struct.space) <= known
        assert struct.space


def test_its_body_makes_a_whole_program(case):
    case.program.check({"model"}, {resource.name for resource in case.front.resources})
    made = {name for call in case.front.body.calls for name in call.outputs}
    assert set(LEAVES[case.family.shape]) <= made
    rowwise, _ = case.program.split()
    assert all(call in rowwise for call in case.front.body.before)


def test_collate_pads_as_the_body_does(case):
    case.feeds.clear()
    case.interpreter.run([example.input for example in case.examples])
    rows = case.rows
    if len(case.feeds) > 1:  # a window of a long row is chosen otherwise in training: compare short rows
        inputs = [example.input.shorter() for example in case.examples]
        rows = [{**row, "labels": case.rows[-1]["labels"]} for row in case.interpreter.rowwise(inputs)]
        case.feeds.clear()
        case.interpreter.run(inputs)
    batch = case.family.collate(rows, case.front)
    assert len(case.feeds) == 1
    assert batch.keys() - {"labels"} == case.feeds[0].keys()
    for name, array in case.feeds[0].items():
        assert np.array_equal(batch[name].numpy(), array), name


def test_labels_that_are_no_whole_numbers_stay_so(case):
    """Gains and shares, cut to whole numbers, teach nothing."""
    wanted = torch.from_numpy(np.concatenate([np.asarray(row["labels"]).flatten() for row in case.rows]))
    labels = case.family.collate(case.rows, case.front)["labels"].flatten()
    assert labels.is_floating_point() == wanted.is_floating_point()
    if labels.is_floating_point():
        assert torch.isin(labels[labels >= 0], wanted.to(labels.dtype)).all()


def test_it_learns_one_batch_by_heart(case):
    module = fitted(case)
    batch = case.family.collate(case.rows, case.front)
    if not case.classes:
        with torch.inference_mode():
            assert loss(case, module, batch) < 0.9 * loss(case, network(case).eval(), batch)
        return
    with torch.inference_mode():
        logits = module(**{name: value for name, value in batch.items() if name != "labels"})["logits"]
    known = batch["labels"] != -100
    right = (logits.argmax(-1) == batch["labels"])[known].float().mean()
    assert right > 0.9


def test_the_same_seed_gives_the_same_network(case):
    one, two = network(case, 3), network(case, 3)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    make = case.family.batcher(case.rows, case.front, case.classes, case.options)
    first, again = (make([0, 2, 1], np.random.default_rng(5)) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_gradients_reach_the_head(case):
    module = network(case)
    groups = [group for group in case.family.groups(module, case.options) if group["params"]]
    if not groups:
        pytest.skip("fitted at once, without gradient steps")
    torch.nn.init.normal_([p for p in module.parameters() if p.ndim > 1][-1])  # some heads begin with zeros
    module.train()
    loss(case, module, case.family.collate(case.rows, case.front)).backward()
    trained = [p for group in groups for p in group["params"]]
    assert len({id(p) for p in trained}) == len(trained), "a parameter is in two groups"
    assert {id(p) for p in module.parameters() if p.requires_grad} == {id(p) for p in trained}
    assert sum(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in trained) > len(trained) / 2


def test_the_quick_start_sees_all_classes_of_sorted_data(case):
    if not hasattr(case.options, "start_examples") or case.family.shape == "token" or not case.classes:
        pytest.skip("it starts from all examples, or every example holds many classes, or there are none")
    rows = sorted(case.rows, key=lambda row: int(np.max(row["labels"])))
    few = msgspec.structs.replace(case.options, start_examples=6)
    module = network(case)
    assert case.family.start(module, rows, case.front, few)
    batch = case.family.collate(rows, case.front)
    with torch.inference_mode():
        logits = module.eval()(**{name: value for name, value in batch.items() if name != "labels"})["logits"]
    known = batch["labels"] != -100
    assert len(logits.argmax(-1)[known].unique()) > 1


def test_class_weights_change_the_loss(case):
    if not case.classes:
        pytest.skip("there are no classes to weigh")
    module = network(case).eval()
    batch = case.family.collate(case.rows, case.front)
    torch.nn.init.normal_([p for p in module.parameters() if p.ndim > 1][-1])
    plain = loss(case, module, batch)
    batch["class_weights"] = torch.linspace(0.1, 5.0, len(case.classes))
    outputs = module(**{k: v for k, v in batch.items() if k not in ("labels", "class_weights")})
    assert not torch.isclose(plain, case.family.loss(outputs, batch, case.options))


def test_the_exported_graph_answers_as_torch(case, tmp_path):
    from modelworks.bundle import Runtime
    from modelworks.bundle.engines.onnx import ENGINE

    module = fitted(case, steps=5)
    (entry,) = case.family.export(module, tmp_path)
    run = ENGINE(tmp_path / entry.file, entry, Runtime())
    for some in (case.rows, case.rows[:1], case.rows[3:5]):  # other batch sizes and lengths than the traced one
        batch = case.family.collate(some, case.front)
        feeds = {name: value for name, value in batch.items() if name != "labels"}
        assert set(entry.inputs) == set(feeds)
        with torch.inference_mode():
            expected = module(**feeds)["logits"].numpy()
        found = run({name: value.numpy() for name, value in feeds.items()})["logits"]
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-3


def test_it_is_built_again_from_its_folder_alone(case):
    module = fitted(case, steps=2)
    again = case.family.build(case.front, case.classes, case.options, case.folder)
    again.load_state_dict(module.state_dict())
    batch = case.family.collate(case.rows[:4], case.front)
    feeds = {name: value for name, value in batch.items() if name != "labels"}
    with torch.inference_mode():
        assert torch.equal(module(**feeds)["logits"], again.eval()(**feeds)["logits"])
