"""The verdict as JUnit XML and as metrics."""

from __future__ import annotations

import xml.etree.ElementTree as xml

from modelworks.stages.evaluate.checks import Check
from modelworks.stages.evaluate.exchange import junit, metrics

GOOD = Check("accuracy", True, ">= 0.8", {}, "accuracy is 0.9")
BAD = Check("label=<x>", False, 'no "worse"', {}, "label=<x> & more\x00")


def test_each_condition_is_a_case_and_failures_say_what_was_seen():
    (suite,) = xml.fromstring(junit([GOOD, BAD], "Do not release: <x>"))
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    good, bad, words = suite
    assert good.get("name") == "accuracy: >= 0.8"
    assert not list(good)
    assert bad.get("name") == 'label=<x>: no "worse"'
    assert bad[0].get("message") == "label=<x> & more"
    assert words.text == "Do not release: <x>"


def test_metrics_are_names_and_numbers_and_leave_out_what_is_not_defined():
    text = metrics({"entity_f1": {"value": 0.5, "low": 0.4, "high": None}, "robustness.typos": {"value": 0.125}})
    assert text.splitlines() == [
        "modelworks_entity_f1 0.5", 'modelworks_entity_f1{end="low"} 0.4', "modelworks_robustness_typos 0.125",
    ]  # fmt: skip
