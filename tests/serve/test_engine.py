"""Admission, windows, lanes and the inline turn, over a real predictor and over slow stand-ins."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworks.core.errors import RequestError
from modelworks.kinds import Text
from modelworks.serve.batching import choose, window
from modelworks.serve.engine import Engine, Plan


class Slow:
    """A predictor whose answer to a text is the text, after a while; it remembers its batches."""

    def __init__(self, seconds: float = 0.0, length: str | None = "rows") -> None:
        self.seconds, self.batches, self.threads = seconds, [], set()
        self.manifest = SimpleNamespace(program=SimpleNamespace(length=length))

    def prepare(self, inputs):
        for value in inputs:
            if "bad" in value.text:
                raise RequestError("bad", status=422)
        return [SimpleNamespace(text=value.text, length=len(value.text)) for value in inputs]

    def finish(self, rows):
        self.batches.append([row.text for row in rows])
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds)
        if any("poison" in row.text for row in rows):
            raise ValueError("the graph choked")
        return [Text(row.text) for row in rows]


def submit_all(predictor, plan: Plan, requests: list[list[str]], tick: bool = False):
    """What each request got: texts, or an exception."""

    async def go():
        engine = Engine(predictor, plan)
        results = []
        for texts in requests:
            try:
                results.append(engine.submit([Text(text) for text in texts]))
            except RequestError as error:
                results.append(error)
        ticking = asyncio.create_task(_ticks(engine)) if tick else None
        out = []
        for result in results:
            try:
                out.append(result if isinstance(result, Exception) else [p.text for p in (await result).predictions])
            except Exception as error:
                out.append(error)
        if ticking:
            ticking.cancel()
        while engine.outstanding:
            await asyncio.sleep(0.01)
        engine.close()
        return out

    return asyncio.run(go())


async def _ticks(engine):
    while True:
        await asyncio.sleep(0.01)
        engine.tick()


@pytest.mark.parametrize("inline", [True, False])
def test_every_request_gets_its_own_answers_in_order(inline):
    generator = random.Random(0)
    requests = [["x" * generator.randint(0, 40) + str(n) for n in range(generator.randint(0, 5))] for _ in range(80)]
    assert submit_all(Slow(), Plan(inline=inline, cap=7), requests) == requests


def test_inline_requests_of_one_turn_share_a_batch():
    predictor = Slow()
    submit_all(predictor, Plan(inline=True, cap=4), [["a"], ["b"], ["c"], ["d"], ["e"]])
    assert predictor.batches == [["a", "b", "c", "d"], ["e"]]


def test_a_lone_client_is_answered_at_once_until_it_has_company():
    async def go():
        predictor = Slow()
        engine = Engine(predictor, Plan(inline=True))
        await engine.submit([Text("first")])
        for _ in range(3):
            await asyncio.sleep(0)
            assert engine.submit([Text("alone")]).done
        company = [engine.submit([Text(text)]) for text in "abc"]
        assert not any(pending.done for pending in company)
        for pending in company:
            await pending
        assert predictor.batches[-1] == ["a", "b", "c"]
        together = [engine.submit([Text(text)]) for text in "de"]
        for pending in together:
            await pending
        assert predictor.batches[-1] == ["d", "e"]

    asyncio.run(go())


def test_a_large_input_leaves_the_event_loop():
    predictor = Slow()
    submit_all(predictor, Plan(inline=True), [["small"], ["x" * 5000]])
    assert len(predictor.threads) == 2


def test_lanes_run_side_by_side():
    predictor = Slow(0.05)
    start = time.monotonic()
    submit_all(predictor, Plan(lanes=4, cap=1), [["a"]] * 8)
    assert len(predictor.threads) == 4
    assert time.monotonic() - start < 8 * 0.05


def test_batches_stay_within_cap_and_padded_budget():
    predictor = Slow(0.01)
    submit_all(predictor, Plan(lanes=1, cap=8, budget=100), [["x" * (n % 40 + 1)] for n in range(60)])
    assert max(len(batch) for batch in predictor.batches) > 1
    for batch in predictor.batches:
        assert len(batch) <= 8
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= 100


@pytest.mark.parametrize("inline", [True, False])
def test_one_bad_input_fails_alone(inline):
    good, bad, poisoned, mixed, after = submit_all(
        Slow(0.01), Plan(inline=inline, lanes=1), [["a"], ["bad"], ["poison"], ["b", "bad"], ["c"]]
    )
    assert (good, after) == (["a"], ["c"])
    assert isinstance(bad, RequestError)
    assert isinstance(poisoned, ValueError)
    assert isinstance(mixed, RequestError)


def test_the_queue_counts_examples_and_says_when_to_come_back():
    plan = Plan(lanes=1, cap=1, queue=3, row_seconds=2.0)
    first, second, third = submit_all(Slow(0.01), plan, [["a", "b"], ["c", "d"], ["e"]])
    assert (first, third) == (["a", "b"], ["e"])
    assert (second.status, second.retry_after) == (429, 4)


def test_a_batch_larger_than_the_queue_can_never_be_admitted():
    (refused,) = submit_all(Slow(), Plan(queue=3), [["a"] * 4])
    assert (refused.status, refused.retry_after) == (413, None)


def test_requests_beyond_the_deadline_get_503_and_are_not_run():
    predictor = Slow(0.2)
    answers = submit_all(predictor, Plan(lanes=1, cap=1, deadline=0.05), [["a"], ["b"], ["c"]], tick=True)
    assert [error.status for error in answers] == [503, 503, 503]
    assert predictor.batches == [["a"]]


def test_a_cancelled_request_is_left_out():
    async def go():
        predictor = Slow(0.1)
        engine = Engine(predictor, Plan(lanes=1, cap=1))
        first, gone, last = (engine.submit([Text(text)]) for text in "abc")
        await asyncio.sleep(0.02)
        gone.cancel()
        assert gone.done
        await first
        await last
        assert engine.outstanding == 0
        engine.close()
        return predictor.batches

    assert asyncio.run(go()) == [["a"], ["c"]]


def test_a_closed_engine_finishes_what_waits_and_ends_its_threads():
    async def go():
        engine = Engine(Slow(0.01), Plan(lanes=2, cap=1))
        pending = [engine.submit([Text(str(n))]) for n in range(10)]
        engine.close()
        answers = [(await p).predictions[0].text for p in pending]
        for thread in engine._threads:
            thread.join(2)
        assert not any(thread.is_alive() for thread in engine._threads)
        return answers

    assert asyncio.run(go()) == [str(n) for n in range(10)]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 10))
def test_a_window_is_tight_and_holds_the_oldest(lengths, size):
    items = [SimpleNamespace(length=length) for length in lengths]
    size = min(size, len(items))
    found = window(items, sorted(range(len(items)), key=lengths.__getitem__), size)
    assert found[0] is items[0]
    assert len(found) == size
    spread = max(i.length for i in found) - min(i.length for i in found)
    order = sorted(lengths)
    best = min(
        order[s + size - 1] - order[s]
        for s in range(len(order) - size + 1)
        if order[s] <= lengths[0] <= order[s + size - 1]
    )
    assert spread == best


@pytest.mark.parametrize(
    ("lengths", "curve", "expected"),
    [
        ([10, 10, 10, 10], (1.0, 0.8, 0.7), [10, 10, 10, 10]),  # company is cheaper
        ([10, 100, 11, 100], (1.0, 0.8, 0.7), [10, 11]),  # but not with the long ones
        ([10, 100, 100, 100], (1.0, 0.9, 0.85), [10]),
        ([100, 10, 90, 80], (1.0, 0.8, 0.7), [100, 90]),
        ([0, 0, 0], (1.0, 0.8), [0, 0, 0]),  # no lengths: order of arrival
    ],
)
def test_the_cheapest_window_is_chosen(lengths, curve, expected):
    items = [SimpleNamespace(length=length) for length in lengths]
    assert [item.length for item in choose(items, 4, curve, 1 << 30)] == expected
