"""From rows to a batch, from logits to labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelworks.contracts import op as ops
from modelworks.kinds import Labels, Scored


def run(name, *inputs, **params):
    return ops.find(name).run(None, *inputs, **params)


ROWS = st.lists(st.integers(0, 6), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from([(), (3,)]), st.sampled_from([np.int64, np.int32, np.float32]), st.integers(1, 4))
def test_padding_undone_by_the_mask_gives_the_rows(lengths, tail, dtype, minimum):
    rows = [np.arange(n * int(np.prod(tail)), dtype=dtype).reshape(n, *tail) + 1 for n in lengths]
    padded, mask = run("batch.pad.v1", rows, value=9, minimum=minimum)
    assert padded.dtype == dtype
    assert mask.dtype == np.int64
    assert padded.shape == (len(rows), max(minimum, *lengths, 0), *tail)
    for row, place, present in zip(rows, padded, mask, strict=True):
        assert np.array_equal(place[present == 1], row)
        assert (place[present == 0] == 9).all()
        assert present.tolist() == sorted(present.tolist(), reverse=True)


@pytest.mark.parametrize(("lengths", "multiple", "longest"), [((3, 1), 4, 4), ((4,), 4, 4), ((5,), 4, 8), ((0,), 4, 4)])
def test_padding_to_a_multiple(lengths, multiple, longest):
    padded, mask = run("batch.pad.v1", [np.ones(n, dtype=np.int64) for n in lengths], multiple=multiple)
    assert padded.shape == mask.shape == (len(lengths), longest)
    assert mask.sum(axis=1).tolist() == list(lengths)


def test_stack():
    assert run("batch.stack.v1", [np.ones((2, 3)), np.zeros((2, 3))]).shape == (2, 2, 3)
    with pytest.raises(ValueError):
        run("batch.stack.v1", [np.ones(2), np.ones(3)])


LOGITS = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.floats(-50, 50, width=32),
)


@settings(max_examples=100, deadline=None)
@given(LOGITS)
def test_softmax_is_a_distribution_rounded_to_four_decimals(logits):
    found = run("scores.softmax.v1", logits)
    assert found.dtype == np.float64
    assert np.allclose(found.sum(axis=1), 1, atol=1e-4 * logits.shape[1])
    assert np.array_equal(found, np.round(found, 4))
    assert (
        np.array_equal(found.argmax(axis=1) == logits.argmax(axis=1), np.ones(len(logits), bool))
        or (np.take_along_axis(found, logits.argmax(axis=1)[:, None], 1) == found.max(axis=1, keepdims=True)).all()
    )


def test_the_last_bits_of_a_graph_do_not_show():
    logits = np.array([[1.25, -0.5, 0.125]], dtype=np.float32)
    nudged = np.nextafter(logits, np.float32(9))
    assert not np.array_equal(logits, nudged)
    assert np.array_equal(run("scores.softmax.v1", logits), run("scores.softmax.v1", nudged))


def test_huge_logits_do_not_overflow_and_temperature_softens():
    assert run("scores.softmax.v1", np.array([[1e4, -1e4]], np.float32)).tolist() == [[1.0, 0.0]]
    sharp, soft = (run("scores.softmax.v1", np.array([[2.0, 0.0]]), temperature=t)[0, 0] for t in (1.0, 4.0))
    assert sharp == 0.8808
    assert soft == 0.6225


def test_rank_orders_and_breaks_ties_by_the_order_of_labels():
    label, score, ranked = run("labels.rank.v1", np.array([[0.2, 0.4, 0.4], [0.6, 0.1, 0.3]]), labels=["x", "y", "z"])
    assert label == ["y", "x"]
    assert score == [0.4, 0.6]
    assert ranked[0] == (Scored("y", 0.4), Scored("z", 0.4), Scored("x", 0.2))
    assert all(type(entry.score) is float for row in ranked for entry in row)
    assert Labels(label[0], score[0], ranked[0]).labels_[0].label == "y"


def test_rank_may_stop_at_the_best():
    _, _, ranked = run("labels.rank.v1", np.array([[0.2, 0.5, 0.3]]), labels=["x", "y", "z"], top=2)
    assert [entry.label for entry in ranked[0]] == ["y", "z"]


def test_many_equal_scores_keep_the_order_of_labels():
    labels = [f"label {n}" for n in range(60)]
    chances = np.full((1, 60), 0.01)
    chances[0, ::7] = 0.02
    _, _, ranked = run("labels.rank.v1", chances, labels=labels)
    assert [entry.label for entry in ranked[0]] == labels[::7] + [x for n, x in enumerate(labels) if n % 7]
