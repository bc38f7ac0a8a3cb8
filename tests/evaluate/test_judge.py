"""Single decisions, confusions, calibration, the gallery."""

from __future__ import annotations

import numpy as np
import pytest

from modelworks.contracts import metric as metrics
from modelworks.contracts import task as tasks
from modelworks.kinds import Entities, Entity, Example, Judgement, Label, Labels, Scored, Span, Spans, Text
from modelworks.stages.evaluate.calibration import calibration
from modelworks.stages.evaluate.examples import SAMPLES, WORST, Gallery
from modelworks.stages.evaluate.intervals import interval
from modelworks.stages.evaluate.judge import confusions


def test_entities_are_matched_once_and_exactly() -> None:
    target = Spans((Span(0, 4, "person"), Span(10, 16, "place"), Span(20, 25, "person")))
    answer = Entities((
        Entity("person", 0.9, "Anna", 0, 4), Entity("person", 0.8, "Londo", 10, 15), Entity("place", 0.7, "x", 30, 31),
    ))  # fmt: skip
    assert answer.judgements(target) == [
        Judgement("person", "person", 0.9, True), Judgement("place", "person", 0.8, False),
        Judgement(None, "place", 0.7, False), Judgement("person", None, None, False),
    ]  # fmt: skip
    counted = {(one["truth"], one["predicted"]): one["count"] for one in confusions(answer.judgements(target))}
    assert counted[None, "place"] == counted["person", None] == 1


def test_nothing_to_find_and_nothing_found_is_no_error() -> None:
    gallery, empty = Gallery(), Entities(())
    gallery.add(Example("a", Text("x"), Spans(())), empty, empty.judgements(Spans(())), 1.0)
    assert not gallery.worst
    assert empty.judgements(Label("x")) is None
    gallery.add(Example("b", Text("x"), Label("x")), empty, None, 0.7)
    assert [rank for rank, *_ in gallery.worst] == [0.7]


def test_the_calibration_error_is_that_of_the_metric() -> None:
    generator = np.random.default_rng(0)
    metric, rows, scores, right = metrics.find("ece"), [], [], []
    for _ in range(500):
        score = round(float(generator.uniform(0.5, 1)), 2)
        hit = bool(generator.random() < score - 0.1)
        answer = Labels("a", score, (Scored("a", score), Scored("b", 1 - score)))
        rows.append(metric.statistics(Label("a" if hit else "b"), answer, ("a", "b")))
        scores.append(score)
        right.append(hit)
    found = calibration(scores, right, 0.95, 500)
    assert np.isclose(found["ece"]["value"], metric.score(rows, np.ones((1, 500)))[0])
    same = interval(metric, rows, 0.95, 500)
    assert found["ece"] == {
        "value": pytest.approx(same.value),
        "low": pytest.approx(same.low),
        "high": pytest.approx(same.high),
    }
    assert found["ece"]["low"] <= found["ece"]["value"] <= found["ece"]["high"]
    assert sum(one["count"] for one in found["bins"]) == 500
    assert calibration([], [], 0.95, 500) == {"bins": [], "ece": {}}


def test_the_gallery_keeps_the_surest_errors_and_a_sample() -> None:
    gallery = Gallery()
    for i in range(300):
        score, right = i / 300, i % 3 > 0
        answer = Labels("a", score, (Scored("a", score),))
        example = Example(f"e{i}", Text("<script>alert(1)</script>"), Label("a" if right else "b"))
        gallery.add(example, answer, answer.judgements(example.target), 0.0)
    shown = gallery.render(tasks.find("sentiment-analysis"))
    assert [one["id"] for one in shown["worst"][:3]] == ["e297", "e294", "e291"]
    assert len(shown["worst"]) == WORST
    assert len({one["id"] for one in shown["samples"]}) == SAMPLES
    assert "<script" not in shown["worst"][0]["html"]
