"""Choosing, agreeing, timing, drawing: the parts of optimizing that need no engine."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from modelworks.contracts import metric as metrics
from modelworks.contracts import task as tasks
from modelworks.contracts.variant import Variant
from modelworks.core.config import Optimize
from modelworks.core.errors import ConfigError, DataError
from modelworks.kinds import Entities, Entity, Labels, Scored
from modelworks.stages.optimize import optimize, stage, timing
from modelworks.stages.optimize.agree import parity
from modelworks.stages.optimize.choose import choose, kept, words
from modelworks.stages.optimize.pareto import pareto
from modelworks.stages.optimize.quantize import saturates

TASK = tasks.find("sentiment-analysis")


def row(name: str, p50: float, *, size: float = 10e6, rate: float = 100, share: float = 1.0, same: bool = True) -> dict:
    return {
        "variant": name, "p50_ms": p50, "size": size, "throughput": rate, "kept": share, "metric": 0.9 * share,
        "same": same, "parity": {"score": 0.5, "agreement": 1.0, "allowed": 0.01},
    }  # fmt: skip


class Slow:
    """A predictor that takes a second for each row, by the clock that timing reads."""

    manifest = SimpleNamespace(runtime=SimpleNamespace(threads=1))

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.calls = 0.0, []
        monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: self.now))
        monkeypatch.setattr(timing, "cores", lambda: 1)

    def prepare(self, inputs):
        return [SimpleNamespace(length=one) for one in inputs]

    def finish(self, rows):
        self.calls.append(len(rows))
        self.now += len(rows)
        return rows

    predict = finish


def test_a_slow_model_is_timed_for_as_long_as_was_given_and_a_round_more_at_most(monkeypatch) -> None:
    slow = Slow(monkeypatch)
    costs = timing.curve(slow, list(range(64)), 12.0)
    assert costs == [(size, 1000.0) for size in timing.BATCHES]
    assert slow.calls == [*timing.BATCHES]  # one batch of each size, and no second round
    slow.calls.clear()
    found = timing.time_all({"one": slow}, list(range(64)), 12.0)
    assert (found["one"]["p50_ms"], found["one"]["throughput"]) == (1000, 1)
    assert sum(slow.calls) == 4 + timing.FEWEST * (4 + 4)  # warming up; single requests and one pass a round


def test_the_fastest_that_keeps_the_metric_wins() -> None:
    rows = [
        row("original", 10),
        row("int8-dynamic", 4, share=0.97),
        row("graph-fusion", 8),
        {"variant": "x", "error": "boom"},
    ]
    assert choose(rows, "latency", 0.99) == "graph-fusion"
    why = {one["variant"]: one["why"] for one in rows}
    assert "keeps 97.0%" in why["int8-dynamic"]
    assert "boom" in why["x"]
    assert "1.25× faster" in why["graph-fusion"]
    assert [one["chosen"] for one in rows] == [False, False, True, False]
    assert choose(rows, "latency", 0.95) == "int8-dynamic"
    assert words(rows, "latency").startswith("int8-dynamic: 2.50× faster")


def test_slower_int8_is_said_in_words() -> None:
    rows = [row("original", 10), row("int8-dynamic", 15), row("int8-static", 30), row("graph-fusion", 9.9)]
    assert choose(rows, "latency", 0.99) == "original"
    assert words(rows, "latency") == "int8-dynamic and int8-static were slower here, kept the original"
    assert "no faster" in rows[3]["why"]
    assert "1.50× slower" in rows[1]["why"]


def test_a_lucky_round_decides_nothing() -> None:
    rows = [row("original", 10), {**row("lucky", 8), "p50_won": 0.5}, {**row("steady", 9), "p50_won": 1.0}]
    assert choose(rows, "latency", 0.99) == "steady"
    assert "noise" in rows[1]["why"]


def test_other_aims() -> None:
    rows = [row("original", 10), row("small", 20, size=3e6), row("wide", 12, rate=300)]
    assert choose(rows, "size", 0.99) == "small"
    assert choose(rows, "throughput", 0.99) == "wide"


def test_a_variant_that_promised_the_same_numbers_and_broke_is_out() -> None:
    rows = [row("original", 10), row("graph-fusion", 2, same=False)]
    assert choose(rows, "latency", 0.5) == "original"
    assert "beyond" in rows[1]["why"]


def test_kept_knows_the_direction() -> None:
    from modelworks.contracts.metric import Metric

    accuracy = metrics.find("accuracy")
    loss = Metric(name="l", signature="l", higher_is_better=False, statistics=accuracy.statistics, score=accuracy.score)
    assert kept(accuracy, 0.8, 0.76) == pytest.approx(0.95)
    assert kept(loss, 0.2, 0.25) == pytest.approx(0.8)
    assert kept(accuracy, 0.0, 0.0) == 1.0
    assert kept(accuracy, 0.0, 0.1) == 1.0
    assert kept(accuracy, 0.1, 0.0) == 0.0
    assert kept(loss, 0.2, 0.1) == 2.0


def test_parity_of_labels_and_entities() -> None:
    a = Labels("x", 0.6, (Scored("x", 0.6), Scored("y", 0.4)))
    b = Labels("y", 0.55, (Scored("y", 0.55), Scored("x", 0.45)))
    assert parity([a], [a]) == {"score": 0.0, "agreement": 1.0}
    assert parity([a, a], [a, b]) == {"score": pytest.approx(0.15), "agreement": 0.5}
    one = Entities((Entity("p", 0.9, "Ann", 0, 3), Entity("q", 0.5, "Rome", 9, 13)))
    two = Entities((Entity("p", 0.7, "Ann", 0, 3),))
    assert parity([one], [two]) == {"score": pytest.approx(0.2), "agreement": 0.0}
    assert parity([Entities(())], [Entities(())]) == {"score": 0.0, "agreement": 1.0}


def test_the_batch_cap_is_the_smallest_that_pays() -> None:
    assert timing.cap([(1, 10.0), (2, 8.0), (4, 6.0), (8, 5.0), (16, 4.9)]) == 8
    assert timing.cap([(1, 10.0), (2, 10.5), (4, 12.0)]) == 1


def test_saturation_is_read_from_the_processor(tmp_path: Path) -> None:
    (tmp_path / "with").write_text("flags : sse avx2 avx512_vnni")
    (tmp_path / "without").write_text("flags : sse avx2")
    assert not saturates(tmp_path / "with")
    assert saturates(tmp_path / "without")
    assert saturates(tmp_path / "missing")


def test_pareto_is_svg_with_everything_escaped() -> None:
    rows = [row("a", 1), row("<b>", 2, size=1e6, share=0.5), row("c", 1.01), {"variant": "d", "error": "x"}]
    root = ET.fromstring(pareto(rows, "f1 & more"))
    texts = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a", "<b>", "c"} <= set(texts)
    assert "d" not in texts
    assert "↑ f1 & more" in texts
    ET.fromstring(pareto([row("only", 1)], "m"))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variants that fail: one while it is built, one in the engine."""

    def explode(graph: Path, target: Path, feeds) -> None:
        raise RuntimeError("cannot convert\nsecond line")

    def garbage(graph: Path, target: Path, feeds) -> None:
        target.write_bytes(b"no graph")

    found = [
        Variant(name="explodes", summary="", transform=explode),
        Variant(name="garbage", summary="", transform=garbage),
    ]
    monkeypatch.setattr(stage, "asked", lambda names: found)
    monkeypatch.setattr(stage, "TIMING", 0.2)


def test_failing_variants_are_recorded_and_the_others_go_on(broken, tiny: Path, sample, tmp_path: Path) -> None:
    from modelworks.bundle import open_manifest

    (tmp_path / "out").mkdir()
    outcome = optimize(tiny, tmp_path / "out", tmp_path / "scratch", TASK, sample, Optimize())
    rows = {one["variant"]: one for one in outcome.rows}
    assert rows["explodes"]["error"] == "RuntimeError: cannot convert"
    assert "could not be built" in rows["explodes"]["why"]
    assert rows["garbage"]["error"]
    assert outcome.chosen == "original"
    shipped = open_manifest(tmp_path / "out" / "bundle")
    assert shipped.variant == "original"
    assert shipped.runtime.batch == rows["original"]["batch"]
    assert "explodes" not in (tmp_path / "out" / "pareto.svg").read_text()


def test_the_original_is_copied_as_it_is_when_nothing_changes(
    broken, tiny: Path, sample, tmp_path: Path, monkeypatch
) -> None:
    from modelworks.bundle import open_manifest

    before = open_manifest(tiny)
    monkeypatch.setattr(timing, "cap", lambda costs: before.runtime.batch)
    (tmp_path / "out").mkdir()
    outcome = optimize(tiny, tmp_path / "out", tmp_path / "scratch", TASK, sample, Optimize())
    assert outcome.bundle == before.id == open_manifest(tmp_path / "out" / "bundle").id


def test_faults(tiny: Path, tmp_path: Path, sample) -> None:
    with pytest.raises(DataError):
        optimize(tiny, tmp_path, tmp_path / "s", TASK, [], Optimize())
    with pytest.raises(ConfigError) as caught:
        optimize(tiny, tmp_path, tmp_path / "s", TASK, sample, Optimize(variants=("int8-dynamik",)))
    assert "int8-dynamic" in str(caught.value)
    with pytest.raises(ConfigError):
        optimize(tiny, tmp_path, tmp_path / "s", TASK, sample, Optimize(keep="101%"))


def test_attention_is_read_off_a_transformer_graph() -> None:
    from onnx import TensorProto, helper, numpy_helper

    from modelworks.stages.optimize.fusion import attention

    arrays = {"scale": np.ones(48, np.float32), "bias": np.ones(48, np.float32), "shape": np.array([0, 0, -1, 16])}
    weights = [numpy_helper.from_array(value, name) for name, value in arrays.items()]
    nodes = [
        helper.make_node("LayerNormalization", ["x", "scale", "bias"], ["n"]),
        helper.make_node("Reshape", ["n", "shape"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
    assert attention(helper.make_model(graph)) == (3, 48)
    assert attention(helper.make_model(helper.make_graph(nodes[1:], "g", values[:1], values[1:], weights))) == (0, 0)
