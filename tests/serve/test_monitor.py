"""What a served model is watched for: the window, its gauges, and that a request pays next to nothing for it."""

from __future__ import annotations

import random

import pytest

from modelworks.bundle.profile import Profile, measure
from modelworks.core.lock import Pin
from modelworks.kinds import Labels, Text
from modelworks.kinds.labels import Scored
from modelworks.serve import monitor, released
from modelworks.serve.monitor import Monitor
from modelworks.serve.stats import Stats, exposition


def answer(label: str, score: float) -> Labels:
    return Labels(label, score, (Scored(label, score), Scored("other", 1 - score)))


def usual(number: int) -> tuple[Text, Labels]:
    generator = random.Random(number)
    return Text("x" * generator.randint(20, 200)), answer(generator.choice("ab"), generator.uniform(0.7, 1.0))


def reference() -> Profile:
    pairs = [usual(number) for number in range(1000)]
    return measure([value for value, _ in pairs], [found for _, found in pairs])


def watched(pairs, profile=None) -> dict[str, float]:
    one = Monitor(profile)
    for value, found in pairs:
        one.see([value], [found])
        one.tick()
    return {" ".join([level.name, *level.labels.values()]): level.value for level in one.levels()}


def test_usual_traffic_does_not_drift_and_its_shares_are_the_profiles():
    seen = watched([usual(number) for number in range(2000, 2600)], reference())
    assert seen["watched_answers"] == 600
    for feature in ("size", "labels", "score", "items"):
        assert seen[f"drift {feature}"] < seen[f"drift_noise {feature}"]
    assert seen["label_ratio a"] == pytest.approx(seen["label_reference_ratio a"], abs=0.1)
    assert seen["quality_change_estimated"] == pytest.approx(0, abs=0.02)
    assert seen["answers_distinct"] == 2


def test_long_texts_other_labels_and_unsure_answers_are_seen_each_in_its_feature():
    seen = watched([(Text("x" * 900), answer("a", 0.4))] * 300, reference())
    for feature in ("size", "labels", "score"):
        assert seen[f"drift {feature}"] > max(0.25, seen[f"drift_noise {feature}"]), feature
    assert seen["drift items"] < 0.1
    assert seen["quality_change_estimated"] == pytest.approx(0.4 - 0.85, abs=0.02)
    assert (seen["answers_distinct"], seen["answers_commonest_ratio"], seen["sizes_distinct"]) == (1, 1, 1)


def test_the_window_forgets():
    pairs = [(Text("x" * 900), answer("a", 0.4))] * 50 + [usual(number) for number in range(monitor.WINDOW)]
    one = Monitor(reference())
    for value, found in pairs:
        one.see([value], [found])
        one.tick()
    levels = {(level.name, *level.labels.values()): level.value for level in one.levels()}
    assert levels["watched_answers",] == monitor.WINDOW
    assert levels["drift", "size"] < levels["drift_noise", "size"]
    assert sum(map(sum, [one._counts["size"]])) == monitor.WINDOW


def test_of_a_burst_only_a_few_are_taken_and_of_a_huge_answer_only_a_part(monkeypatch):
    one = Monitor(None)
    for number in range(100):
        one.see([usual(number)[0]] * 10, [usual(number)[1]] * 10)
    assert len(one._taken) == monitor.TAKE
    monkeypatch.setattr(monitor, "SECONDS", -1)  # the time is over at once: one is looked at, the rest later
    one.tick()
    assert len(one._taken) == monitor.TAKE - 1
    monkeypatch.setattr(monitor, "SECONDS", 60)
    one.tick()
    assert not one._taken
    assert len(monitor._spread(list(range(1000)))) <= monitor.MOST
    assert monitor._spread([1, 2]) == [1, 2]


def test_little_is_said_of_little_or_without_a_profile():
    few = watched([usual(number) for number in range(monitor.ENOUGH - 1)], reference())
    assert not [name for name in few if name.startswith(("drift", "quality"))]
    bare = watched([usual(number) for number in range(300)])
    assert not [name for name in bare if "reference" in name or "drift" in name or "quality" in name]
    assert bare["answer_score_mean"] > 0.7
    assert watched([])["watched_answers"] == 0


def test_labels_that_would_break_the_format_are_escaped():
    profile = measure([Text("x")], [answer('a"\\\n', 0.5)])
    text = exposition(Stats(), {}, {}, {}, list(Monitor(profile).levels())).decode()
    assert 'modelworks_label_reference_ratio{label="a\\"\\\\\\n"} 1.0' in text


def test_a_release_says_since_when_and_how_it_scored():
    pin = Pin(
        bundle="a" * 64, version=3, dataset="d" * 64, scores={"accuracy": 0.9, "ece": 0.1},
        intervals={"accuracy": (0.85, 0.95)}, released="2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    text = exposition(Stats(), {}, {}, {}, released.levels(pin)).decode()
    assert "modelworks_release_timestamp_seconds 1.767323045e+09" in text
    assert 'modelworks_score{metric="ece"} 0.1' in text
    assert 'modelworks_score_low{metric="accuracy"} 0.85' in text
    assert 'modelworks_score_low{metric="ece"}' not in text
    assert 'version="3"' in text
    assert list(released.levels(None)) == []
    odd = Pin(bundle="a" * 64, version=1, released="yesterday")
    assert "timestamp" not in "".join(level.name for level in released.levels(odd))
