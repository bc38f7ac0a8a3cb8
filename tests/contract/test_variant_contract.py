"""Every variant: file and name agree, and what it makes of a real bundle opens and answers alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modelworks.contracts.variant import Variant
from modelworks.core import registry

PACKAGE = "modelworks.stages.optimize.variants"
NAMES = registry.names(PACKAGE)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
    from tiny_bundle import make_bundle

    return make_bundle(tmp_path_factory.mktemp("variant") / "bundle", wide=64)


def test_there_are_the_promised_ones() -> None:
    assert {"graph-fusion", "int8-dynamic", "int8-static", "float16", "threads-2", "threads-all"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_is_what_the_contract_says(name: str) -> None:
    variant = registry.leaf(PACKAGE, name, "VARIANT")
    assert isinstance(variant, Variant)
    assert variant.name == name
    assert variant.summary
    assert variant.transform is not None or variant.runtime
    assert 0 <= variant.parity <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_opens_and_answers_alike(name: str, tiny: Path, tmp_path: Path) -> None:
    from modelworks.bundle import Predictor, derive
    from modelworks.kinds import Text
    from modelworks.stages.optimize import feeds
    from modelworks.stages.optimize.agree import parity

    variant = registry.leaf(PACKAGE, name, "VARIANT")
    inputs = [Text("good film"), Text("bad plot not fine"), Text("awful the the the"), Text("fine")] * 4
    files = {}
    if variant.transform:
        files["graphs/model.onnx"] = tmp_path / "model.onnx"
        before = (tiny / "graphs/model.onnx").read_bytes()
        variant.transform(tiny / "graphs/model.onnx", files["graphs/model.onnx"], feeds.record(tiny, inputs))
        assert (tiny / "graphs/model.onnx").read_bytes() == before
    derive(tiny, tmp_path / "bundle", variant=name, files=files, runtime=variant.runtime)
    original, derived = Predictor.open(tiny), Predictor.open(tmp_path / "bundle")
    assert derived.manifest.variant == name
    assert derived.manifest.parent == original.id
    found = parity(original.predict(inputs), derived.predict(inputs))
    assert found["agreement"] == 1.0
    assert found["score"] <= (variant.parity or 2e-3)
    for key, value in (variant.runtime or {}).items():
        assert getattr(derived.manifest.runtime, key) == value
