"""`graph.windows.v1`: rows of any length through a graph of fixed length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import op as ops


class Graph:
    """A token graph that remembers what it was fed. Logit 0 is the id; logit 1 the distance to the nearer edge of what
    the mask leaves, which tells through which window a position was read."""

    def __init__(self, reach: int = 0) -> None:
        self.calls: list[dict[str, np.ndarray]] = []
        self.reach = reach

    def run(self, name, feeds):
        assert name == "model"
        self.calls.append({key: value.copy() for key, value in feeds.items()})
        ids, mask = feeds["ids"], feeds.get("mask", np.ones_like(feeds["ids"]))
        ends = mask.sum(axis=1, keepdims=True)
        place = np.arange(ids.shape[1])
        edge = np.minimum(place, ends - 1 - place)
        near = sum(np.roll(ids * mask, n, axis=1) for n in range(-self.reach, self.reach + 1))
        return {"logits": np.stack([near, edge], axis=-1).astype(np.float32)}


def run(graph, rows, **params):
    params = {"feeds": ["ids"], "size": 8, "stride": 4, "mask": "mask", **params}
    return ops.find("graph.windows.v1").run(graph, *rows, **params)


def ids(*lengths):
    return [np.arange(n, dtype=np.int64) + 100 for n in lengths]


def test_rows_that_fit_are_one_padded_batch():
    graph = Graph()
    found = run(graph, [ids(3, 6, 1)], first=[2], last=[3])
    assert len(graph.calls) == 1
    assert graph.calls[0]["ids"].tolist() == [
        [2, 100, 101, 102, 3, 0, 0, 0],
        [2, 100, 101, 102, 103, 104, 105, 3],
        [2, 100, 3, 0, 0, 0, 0, 0],
    ]
    assert graph.calls[0]["mask"].sum(axis=1).tolist() == [5, 8, 3]
    assert [len(row) for row in found] == [3, 6, 1]
    assert found[1].dtype == np.float32


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=5), st.integers(3, 12), st.integers(1, 10), st.booleans())
def test_every_position_comes_out_once_in_order(lengths, size, stride, special):
    edges = {"first": [2], "last": [3]} if special else {}
    stride = min(stride, size - 2 * special)
    graph = Graph()
    found = run(graph, [ids(*lengths)], size=size, stride=stride, **edges)
    for row, logits in zip(ids(*lengths), found, strict=True):
        assert np.array_equal(logits[:, 0], row)
    assert all(call["ids"].shape[1] <= size for call in graph.calls)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 80), st.integers(2, 12), st.data())
def test_each_position_is_read_where_its_nearer_edge_is_farthest(length, size, data):
    stride = data.draw(st.integers(1, size))
    graph = Graph()
    found = run(graph, [ids(length)], size=size, stride=stride)[0][:, 1]
    windows = (
        [(0, length)] if length <= size else [(a, a + size) for a in [*range(0, length - size, stride), length - size]]
    )
    for place, edge in enumerate(found):
        assert (
            edge
            >= max(min(place - a, b - 1 - place) for a, b in windows if a <= place < b)
            - (
                place < size or place >= length - size  # at the ends of a text there is nothing beyond the edge to miss
            )
            * size
        )


def test_windows_give_what_the_whole_row_would_where_context_reaches_no_farther_than_half_an_overlap():
    row = [np.random.default_rng(0).integers(1, 99, 300)]
    whole = run(Graph(reach=2), [row], size=300, stride=300)[0]
    parts = run(Graph(reach=2), [row], size=20, stride=10)[0]
    assert np.array_equal(whole[2:-2, 0], parts[2:-2, 0])


def test_long_rows_run_in_batches_of_like_length():
    graph = Graph()
    run(graph, [ids(200, 3, 5)])
    assert all(len(call["ids"]) <= 16 for call in graph.calls)
    assert graph.calls[0]["mask"].sum(axis=1).tolist() == sorted(graph.calls[0]["mask"].sum(axis=1).tolist())


def test_features_travel_with_the_ids():
    features = [np.full((n, 2), 7, dtype=np.int64) for n in (2, 9)]
    graph = Graph()
    run(graph, [ids(2, 9), features], feeds=["ids", "features"], first=[2, 1], last=[3, 1], pad=[0, 5])
    call = graph.calls[0]
    assert call["features"].shape == (*call["ids"].shape, 2)
    assert (call["features"][call["ids"] >= 100] == 7).all()
    assert (call["features"][(call["ids"] == 2) | (call["ids"] == 3)] == 1).all()
    assert (call["features"][call["ids"] == 0] == 5).all()


def test_a_row_of_nothing_gives_no_logits_but_knows_their_width():
    for edges in ({}, {"first": [2], "last": [3]}):
        graph = Graph()
        found = run(graph, [ids(0)], **edges)[0]
        assert found.shape == (0, 2)
        assert graph.calls[0]["mask"].sum() >= 1


def test_no_rows_run_no_graph():
    graph = Graph()
    assert run(graph, [[]]) == []
    assert not graph.calls


@pytest.mark.parametrize(("size", "stride"), [(2, 1), (8, 7), (8, 0)])
def test_windows_that_leave_gaps_are_refused(size, stride):
    with pytest.raises(ValueError, match="positions"):
        run(Graph(), [ids(3)], size=size, stride=stride, first=[2], last=[3])
