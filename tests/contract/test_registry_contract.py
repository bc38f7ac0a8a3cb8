"""Every registry: telling it twice changes nothing, and what it calls a version can be given an alias."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelworks.contracts.registry import Registry, Run
from modelworks.core import registry

PACKAGE = "modelworks.adapters.registries"


@pytest.fixture(params=registry.names(PACKAGE))
def sink(request: pytest.FixtureRequest) -> Registry:
    found: Registry = registry.leaf(PACKAGE, request.param, "REGISTRY")
    return found


@pytest.mark.slow
def test_repeating_changes_nothing(sink: Registry, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "manifest.json").write_text("{}")
    run = Run(project="p", name="r", params={"a": 1}, metrics={"m": 0.5}, curves={"c": [(1, 1.0)]}, tags={"key": "k"})
    tags = {"bundle": "b" * 64, "key": "k"}
    one, two = sink.record(uri, run), sink.record(uri, run)
    assert one == two
    versions = {sink.register(uri, one, "p", bundle, tags) for _ in range(2)}
    assert len(versions) == 1
    for _ in range(2):
        sink.alias(uri, versions.copy().pop(), "champion")
