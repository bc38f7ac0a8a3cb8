"""The report page: self-contained, escaped, and safe to open whatever the data holds."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from modelworks.contracts import task as tasks
from modelworks.kinds import Example, Label, Text
from modelworks.stages.evaluate.page import render
from modelworks.stages.evaluate.page.sections import Data

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&"


class Reader(HTMLParser):
    """Collects tags and attributes, and checks that tags close."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.attributes, self.open = [], [], []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> str:
    """A page in which every string that data can bring is hostile."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
    from tiny_bundle import LABELS, WORDS, make_bundle

    from modelworks.bundle import Predictor
    from modelworks.core.config import Evaluate
    from modelworks.stages.evaluate import evaluate

    folder = make_bundle(tmp_path_factory.mktemp("page") / "bundle")
    examples = [
        Example(f"{EVIL}{i}", Text(f"{WORDS[i % 3]} {EVIL}"), Label(LABELS[i % 2]), {"source": EVIL}, "test", EVIL)
        for i in range(60)
    ]  # fmt: skip
    task = tasks.find("sentiment-analysis")
    found = evaluate(Predictor.open(folder), task, lambda: examples, Evaluate(resamples=100, slices=("source",)))
    found.report.update(dataset=EVIL, split="test")
    verdict = {
        "passed": False, "words": f"Do not release: {EVIL}", "champion": EVIL, "candidate": EVIL,
        "checks": [{"name": EVIL, "passed": False, "condition": EVIL, "seen": None, "words": EVIL}],
    }  # fmt: skip
    variants = [
        {"variant": EVIL, "error": EVIL, "why": EVIL},
        {"variant": "a", "size": 1e6, "load_s": 0.1, "p50_ms": 1.0, "p95_ms": 2.0, "throughput": 10.0, "memory_mb": 80,
         "metric": 0.9, "kept": 1.0, "why": EVIL, "chosen": True},
    ]  # fmt: skip
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    return render(Data(found.report, verdict, found.report, variants, svg, found.examples, {"splits": {EVIL: 3}}))


def test_nothing_of_the_data_becomes_markup(shown: str) -> None:
    reader = Reader()
    reader.feed(shown)
    assert not reader.open
    assert reader.tags.count("script") == 1
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert "alert('x')" not in re.findall(r"<script>(.*?)</script>", shown, re.S)[0]


def test_it_needs_no_network(shown: str) -> None:
    reader = Reader()
    reader.feed(shown)
    for name, value in reader.attributes:
        if name in ("src", "href", "action", "srcset", "data"):
            assert value.startswith(("data:", "#")), value
    assert "http://" not in shown
    assert "https://" not in shown
    assert "url(" not in shown
    assert "@import" not in shown
    policy = dict(a for a in reader.attributes if a[0] == "content" and "default-src" in a[1])["content"]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy


def test_the_policy_lets_the_pages_own_script_run(shown: str) -> None:
    import base64
    import hashlib

    script = re.search(r"<script>(.*?)</script>", shown, re.S)[1]
    proof = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"sha256-{proof}" in shown


def test_all_sections_are_there(shown: str) -> None:
    for name in (
        "verdict",
        "scores",
        "variants",
        "slices",
        "confusions",
        "calibration",
        "robustness",
        "examples",
        "provenance",
    ):
        assert f'id="{name}"' in shown


def test_undefined_figures_are_shown_as_dashes() -> None:
    score = {"value": None, "low": None, "high": None, "signature": "s", "higher_is_better": True}
    report = {
        "task": "t", "bundle": "b", "dataset": "d", "split": "test", "examples": 0, "primary": "m", "confidence": 0.95,
        "resamples": 100, "labels": [], "scores": {"m": score}, "slices": [], "robustness": [],
        "calibration": {"bins": [], "ece": {}}, "confusions": [],
    }  # fmt: skip
    verdict = {"passed": True, "words": "Release: fine", "checks": [], "champion": None, "candidate": "b"}
    text = render(Data(report, verdict))
    assert "–" in text
    assert 'id="variants"' not in text
