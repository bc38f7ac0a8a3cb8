"""Small parts of learning, each against a plain computation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworks.contracts.program import Call, Program
from modelworks.stages.learn import calibrate, parity, pictures
from modelworks.stages.learn.mentions import Mentions, cased

CLASSES = ["O", "B-x", "I-x", "B-y", "I-y"]


def row(labels):
    labels = np.array(labels, np.int64)
    return {"ids": np.arange(len(labels)) + 10 * labels, "labels": labels}


def test_mentions_are_swapped_for_others_of_their_class():
    rows = [row([0, 1, 2, -100, 0]), row([1, 0]), row([3, 4, 3])]
    mentions = Mentions(rows, CLASSES, ["ids"])
    swapped = mentions.swapped(rows[0], 1.0, np.random.default_rng(1))
    ends = {name: [swapped[name][0], swapped[name][-1]] for name in swapped}
    assert ends == {"ids": [0, 4], "labels": [0, 0]}
    seen = {tuple(mentions.swapped(rows[0], 1.0, np.random.default_rng(n))["labels"].tolist()) for n in range(20)}
    assert seen == {(0, 1, 2, -100, 0), (0, 1, 0)}  # its own mention, and the one of the second row


def test_no_swap_leaves_the_row_alone():
    rows = [row([0, 1, 2, -100, 0, 3])]
    kept = Mentions(rows, CLASSES, ["ids"]).swapped(rows[0], 0.0, np.random.default_rng(0))
    assert all(np.array_equal(kept[name], rows[0][name]) for name in rows[0])


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, -100]), max_size=12), st.integers(0, 99))
def test_swapping_keeps_arrays_aligned(labels, seed):
    rows = [row(labels), row([1, 2]), row([3])]
    swapped = Mentions(rows, CLASSES, ["ids"]).swapped(rows[0], 0.5, np.random.default_rng(seed))
    assert len(swapped["ids"]) == len(swapped["labels"])
    assert np.count_nonzero(np.isin(swapped["labels"], [1, 3])) == np.count_nonzero(np.isin(labels, [1, 3]))


def test_letter_case_is_lost():
    shapes = np.array([[2, 2], [1, 2], [6, 2], [3, 2]])
    seen = {tuple(cased(shapes, np.random.default_rng(n)).ravel().tolist()) for n in range(20)}
    assert seen == {(1, 1, 1, 1, 6, 1, 1, 1), (3, 4, 3, 4, 6, 4, 3, 4)}


def test_pictures_move_and_stay_pictures():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    still = pictures.moved(pixels, np.random.default_rng(0), 0.0, 0.0, flip=False)
    assert np.array_equal(still, pixels)
    moved = pictures.moved(pixels, np.random.default_rng(0), 0.25, 0.25, flip=True)
    assert moved.shape == pixels.shape
    assert moved.dtype == np.uint8
    assert not np.array_equal(moved, pixels)
    again = pictures.moved(pixels, np.random.default_rng(0), 0.25, 0.25, flip=True)
    assert np.array_equal(moved, again)


def test_mirrored_pictures_are_mirrored():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 3), dtype=np.uint8)
    moved = pictures.moved(pixels, np.random.default_rng(0), 0.0, 0.0, flip=True)
    turned = [np.array_equal(a, b[:, ::-1]) for a, b in zip(moved, pixels, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(moved, pixels, strict=True)]
    assert all(a or b for a, b in zip(turned, same, strict=True))
    assert any(turned)
    assert any(same)


def test_the_temperature_undoes_overconfidence():
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([random.choice(3, p=chance) for chance in chances])
    assert calibrate.temperature(logits, labels) == pytest.approx(1.0, abs=0.1)
    assert calibrate.temperature(logits * 3, labels) == pytest.approx(3.0, abs=0.3)


def test_a_program_gets_a_parameter_and_keeps_the_rest():
    call = Call(op="spans.bio.v1", inputs=("a",), outputs=("b",), params={"tags": ["O"]})
    program = Program(inputs={"a": "text"}, calls=(call,), outputs={"entities": "b"})
    tried = calibrate.candidates(program)
    assert [calibrate.found(one)["outside"] for one in tried] == list(calibrate.OUTSIDE)
    assert all(one.calls[0].params["tags"] == ["O"] for one in tried)
    assert calibrate.candidates(Program(inputs={}, calls=(), outputs={})) == [Program(inputs={}, calls=(), outputs={})]


@pytest.mark.parametrize(
    ("wanted", "found", "distance"),
    [
        ({"label": "a", "score": 0.5}, {"label": "a", "score": 0.6}, 0.1),
        ({"label": "a"}, {"label": "b"}, float("inf")),
        ({"entities": [{"start": 1, "score": 0.5}]}, {"entities": []}, float("inf")),
        ({"entities": [{"start": 1, "score": 0.5}]}, {"entities": [{"start": 2, "score": 0.5}]}, float("inf")),
        (
            {"label": "a", "labels": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.5}]},
            {"label": "b", "labels": [{"label": "b", "score": 0.5004}, {"label": "a", "score": 0.4996}]},
            0.0004,
        ),
    ],
)
def test_distance_of_answers(wanted, found, distance):
    assert parity.distance(wanted, found) == pytest.approx(distance)


def test_the_bag_is_logistic_regression_on_weighted_ngrams():
    torch = pytest.importorskip("torch")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    from modelworks.stages.learn.networks import bag

    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 300)
    rows = [
        np.unique(np.concatenate([random.integers(0, 40, 6), random.integers(20 * y, 20 * y + 20, 4)])) for y in labels
    ]
    table, bias = bag.fit(rows, torch.from_numpy(labels), 40, 2, smoothing=1.0, strength=1.0)
    module = bag.BagClassifier([40, 0], 2)
    with torch.no_grad():
        module.table.weight[:40] = table
        module.bias += bias
    longest = max(map(len, rows))
    ids = torch.tensor(np.array([np.pad(r, (0, longest - len(r)), constant_values=40) for r in rows]))
    with torch.inference_mode():
        ours = module(ids)["logits"].softmax(1).numpy()[:, 1]

    dense = np.zeros((300, 40))
    for number, found in enumerate(rows):
        dense[number, found] = 1
    ratio = bag.ratios(rows, np.eye(2)[labels], 40, 1.0).numpy()[:, 1]
    weighted = normalize(dense * ratio)
    # Two opposite weight vectors share the penalty: the same model as one vector with half of it.
    reference = LogisticRegression(C=2.0, tol=1e-8, max_iter=1000).fit(weighted, labels)
    assert np.abs(ours - reference.predict_proba(weighted)[:, 1]).max() < 0.02


def test_an_empty_text_gets_an_answer_from_the_bag():
    torch = pytest.importorskip("torch")
    from modelworks.stages.learn.networks.bag import BagClassifier

    module = BagClassifier([5, 7], 2)
    assert torch.isfinite(module(torch.full((1, 4), 12))["logits"]).all()


def test_each_bag_is_divided_by_its_own_norm():
    torch = pytest.importorskip("torch")
    from modelworks.stages.learn.networks.bag import BagClassifier

    module = BagClassifier([2, 1], 1)
    with torch.no_grad():
        module.table.weight[:3] = torch.tensor([[1.0, 4.0], [2.0, 5.0], [8.0, 16.0]])
    found = module(torch.tensor([[0, 1, 2, 3], [0, 3, 3, 3], [2, 3, 3, 3]]))["logits"][:, 0]
    assert found.tolist() == pytest.approx([3 / 3 + 8 / 4, 1 / 2, 8 / 4], abs=1e-5)


def test_balanced_weights_are_inverse_to_frequency():
    pytest.importorskip("torch")
    from modelworks.stages.learn.fit import balanced

    weights = balanced(np.array([90, 10, 0])).numpy()
    assert weights[:2] == pytest.approx([100 / (2 * 90), 100 / (2 * 10)])
    assert np.isfinite(weights).all()


def test_the_mean_of_positions_is_exact_under_fast_math():
    torch = pytest.importorskip("torch")
    from modelworks.stages.learn.networks.encoder import mean_of

    states = torch.randn(3, 8, 5)
    mask = torch.tensor([[1] * 8, [1] * 3 + [0] * 5, [0] * 8])
    with torch.autocast("cpu", torch.bfloat16):
        mean = mean_of(states, mask)
    assert mean.dtype == torch.float32
    assert torch.allclose(mean[0], states[0].mean(0), atol=1e-6)
    assert torch.allclose(mean[1], states[1, :3].mean(0), atol=1e-6)
    assert torch.equal(mean[2], torch.zeros(5))
