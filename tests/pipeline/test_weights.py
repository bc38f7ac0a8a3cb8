"""A folder of pretrained weights is an input of training: other files in it are another training."""

from __future__ import annotations

from pathlib import Path

from modelworks import lifecycle
from modelworks.core import config
from modelworks.pipeline.keys import all_keys


def keys(project: Path, model: str) -> dict[str, str]:
    text = f"name: moods\ntask: sentiment-analysis\ndata: {{source: data.csv}}\ntrain: {{model: {model}}}\n"
    (project / config.FILE).write_text(text)
    return all_keys(lifecycle.plan(project, config.load_project(project)))


def test_weights_that_change_in_place_are_trained_from_again(project: Path) -> None:
    (project / "data.csv").write_text("text,label\na,b\n")
    folder = project / "weights"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"one")
    before = keys(project, "weights")
    assert keys(project, "weights") == before
    (folder / "model.safetensors").write_bytes(b"other")
    after = keys(project, "weights")
    assert after["train"] != before["train"]
    assert after["prepare"] == before["prepare"]


def test_compact_needs_no_folder_even_where_one_has_its_name(project: Path) -> None:
    (project / "data.csv").write_text("text,label\na,b\n")
    before = keys(project, "compact")
    (project / "compact").mkdir()
    (project / "compact" / "model.safetensors").write_bytes(b"one")
    assert keys(project, "compact") == before
