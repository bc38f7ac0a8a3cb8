"""A bundle as what it differs in from a package's weights: the same bytes again, or a refusal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from tiny_bundles import make_text_bundle

from modelworks.bundle import Predictor, verify
from modelworks.bundle.archive import unpack
from modelworks.core import hashing
from modelworks.core.errors import BundleError
from modelworks.kinds import Text
from modelworks.starters import delta, recipe, shelf

TEXTS = [Text("a good film"), Text("awful, dull"), Text("")]


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """(a bundle, the folder of the weights it was made from): its table learnt a little, its head is as it was."""
    monkeypatch.setattr(delta, "_LEAST", 16)
    bundle = make_text_bundle(tmp_path / "bundle")
    tensors = {
        one.name: numpy_helper.to_array(one) for one in onnx.load(bundle / "graphs/model.onnx").graph.initializer
    }
    table = tensors["embedding"]
    noise = np.random.default_rng(1).normal(0, 0.01, table.shape).astype(np.float32)
    weights = {"table": table + noise, "other": noise.copy(), "head.weight": np.ascontiguousarray(tensors["head"].T)}
    (tmp_path / "weights").mkdir()
    save_file(weights, tmp_path / "weights/model.safetensors")
    return bundle, tmp_path / "weights"


def test_a_bundle_is_put_together_to_the_byte(parts: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, weights = parts
    manifest = delta.take(bundle, weights, tmp_path / "small.delta")
    assert (manifest.variant, manifest.parent) == ("delta-int4", verify(bundle).id)
    made = delta.restore(tmp_path / "small.delta", weights, tmp_path / "made")
    assert made == manifest
    before, after = Predictor.open(bundle).predict(TEXTS), Predictor.open(tmp_path / "made").predict(TEXTS)
    for one, other in zip(before, after, strict=True):
        assert other.label == one.label
        assert other.score == pytest.approx(one.score, abs=0.02)


def test_what_is_a_tensor_of_the_package_is_not_in_the_archive(parts: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, weights = parts
    delta.take(bundle, weights, tmp_path / "small.delta")
    unpack(tmp_path / "small.delta", tmp_path / "inside")
    table, head = json.loads((tmp_path / "inside/delta.json").read_text())
    assert (table["tensor"], table["transposed"], table["changed"]) == ("table", False, True)
    assert (head["tensor"], head["transposed"], head["changed"]) == ("head.weight", True, False)
    rows, columns = table["shape"]
    assert (tmp_path / "inside/delta.bin").stat().st_size == 4 * rows + rows * columns // 2
    cut = 4 * (rows * columns + head["shape"][0] * head["shape"][1])
    left = (tmp_path / "inside/graphs/model.onnx").stat().st_size
    assert left + cut == verify(delta_made(tmp_path, weights)).files["graphs/model.onnx"].bytes


def delta_made(folder: Path, weights: Path) -> Path:
    delta.restore(folder / "small.delta", weights, folder / "made")
    return folder / "made"


def test_other_weights_are_refused(parts: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, weights = parts
    delta.take(bundle, weights, tmp_path / "small.delta")
    for number, tensors in enumerate(
        ({"table": np.zeros((3, 4), np.float32)}, {"table": np.zeros((22, 16), np.float32)}, {"x": np.eye(4)})
    ):
        save_file(tensors, weights / "model.safetensors")
        with pytest.raises(BundleError, match=r"not the weights|not the one"):
            delta.restore(tmp_path / "small.delta", weights, tmp_path / f"made-{number}")


def test_a_recipe_builds_it(parts: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, weights = parts
    manifest = delta.take(bundle, weights, tmp_path / "shelf.delta")
    site = tmp_path / "site"
    (site / "some_weights-1.0.dist-info").mkdir(parents=True)
    (site / "some_weights-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1\n")
    (site / "some_weights-1.0.dist-info/RECORD").write_text("")
    (site / "some_weights").mkdir()
    (weights / "model.safetensors").rename(site / "some_weights/model.safetensors")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("MODELWORKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shelf, "FOLDER", tmp_path)
    digest = hashing.file_digest(site / "some_weights/model.safetensors")
    written = {
        "task": "sentiment-analysis", "delta": {"file": "shelf.delta", "sha256": "", "licence": "CC0"},
        "weights": {
            "package": "some-weights", "version": "1.0", "root": "some_weights", "licence": "MIT", "source": "here",
            "files": {"model.safetensors": digest},
        },
    }  # fmt: skip
    (tmp_path / "small.json").write_text(json.dumps(written))
    assert Predictor.open(shelf.find("small")).manifest.id == manifest.id
    assert shelf.listed()[0].licence == "MIT, CC0"
    assert recipe.Recipe(task="x", weights=shelf._recipe("small").weights).delta is None
