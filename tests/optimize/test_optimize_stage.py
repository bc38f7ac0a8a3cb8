"""The optimize stage on a real bundle: every variant is really built, checked and timed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelworks.bundle import Predictor, open_manifest
from modelworks.contracts import task as tasks
from modelworks.core.config import Optimize
from modelworks.stages.optimize import optimize, stage

TASK = tasks.find("sentiment-analysis")


@pytest.fixture(scope="module")
def measured(tiny: Path, sample, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "TIMING", 0.5)
        outcome = optimize(tiny, folder, folder.parent / "scratch", TASK, sample, Optimize(for_="size"))
    return folder, outcome, json.loads((folder / "measurements.json").read_bytes())


def test_all_variants_are_measured(measured) -> None:
    _, outcome, rows = measured
    by_name = {row["variant"]: row for row in rows}
    assert {"original", "graph-fusion", "int8-dynamic", "int8-static", "float16"} <= set(by_name)
    for row in rows:
        assert "error" not in row, row
        assert row["p50_ms"] > 0
        assert row["p95_ms"] >= row["p50_ms"]
        assert row["throughput"] > 0
        assert row["memory_mb"] > 10
        assert row["why"]
    assert sum(row["chosen"] for row in rows) == 1
    assert outcome.facts()["variants"]


def test_a_quantized_variant_is_really_smaller_and_wins_for_size(measured) -> None:
    folder, outcome, rows = measured
    by_name = {row["variant"]: row for row in rows}
    assert by_name["int8-dynamic"]["size"] < 0.5 * by_name["original"]["size"]
    assert outcome.chosen in ("int8-dynamic", "int8-static")
    shipped = open_manifest(folder / "bundle")
    assert shipped.variant == outcome.chosen
    assert shipped.parent == rows[0]["bundle"]
    assert shipped.id == outcome.bundle == outcome.facts()["bundle"]
    assert Predictor.open(folder / "bundle").manifest.runtime.batch == next(r for r in rows if r["chosen"])["batch"]
