"""Every registry: telling it twice changes nothing, and what it calls a version can be given an alias."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_bundles import make_text_bundle

from modelworks.contracts.registry import Data, Registry, Run
from modelworks.core import registry

PACKAGE = "modelworks.adapters.registries"


@pytest.fixture(params=registry.names(PACKAGE))
def sink(request: pytest.FixtureRequest) -> Registry:
    found: Registry = registry.leaf(PACKAGE, request.param, "REGISTRY")
    return found


@pytest.mark.slow
def test_repeating_changes_nothing(sink: Registry, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    bundle = make_text_bundle(tmp_path / "bundle")
    child = Run(project="p", name="train", machine={"cpu": [(0.0, 5.0)]}, tags={"key": "k/train"}, started=1.7e9)
    data = Data(name="p", digest="d" * 64, source="data.csv", columns=("text", "label"), splits={"train": 8})
    run = Run(
        project="p", name="r", params={"a": 1}, metrics={"m": 0.5, "odd = name": 1.0}, curves={"c": [(1, 1.0)]},
        tags={"key": "k", "commit": "c" * 40}, description="words", data=data, children=(child,),
        files=(str(tmp_path / "gone.txt"),),
    )  # fmt: skip
    tags = {"bundle": "b" * 64, "key": "k", "task": "sentiment-analysis"}
    one, two = sink.record(uri, run), sink.record(uri, run)
    assert one == two
    versions = {sink.register(uri, one, "p", bundle, tags, "words") for _ in range(2)}
    assert len(versions) == 1
    assert sink.find(uri, "p", "b" * 64) in versions
    for _ in range(2):
        sink.alias(uri, versions.copy().pop(), "champion")
