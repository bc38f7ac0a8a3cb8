"""`modelworks index`, and the bundles that search what it makes."""

from __future__ import annotations

import json
from pathlib import Path

import learn_fixtures
import pytest
from click.testing import CliRunner, Result

from modelworks.cli.main import group
from modelworks.contracts.family import Source
from modelworks.core.errors import ConfigError, DataError
from modelworks.stages.learn import embedding


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(group, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_collection_is_made_grown_verified_and_searched(tmp_path: Path) -> None:
    model = learn_fixtures.tiny_text_model(tmp_path / "encoder")
    bundle, folder = tmp_path / "bundle", tmp_path / "collection"
    bundle.mkdir()
    embedding.retriever(Source(name="tiny", folder=model, licence="MIT", origin="here"), bundle)
    rows, note = tmp_path / "rows.jsonl", tmp_path / "note.md"
    rows.write_text('{"id": "a", "text": "the cat sat"}\n{"id": "b", "text": " "}\n', "utf-8")
    note.write_text("# Weather\n\nIt rained in London.\n", "utf-8")
    with pytest.raises(DataError, match="empty"):
        run("index", bundle, rows, "-o", tmp_path / "bad")
    made = json.loads(run("index", bundle, rows, "-o", folder, "--skip-bad", "--json").output)
    assert (made["documents"], made["bad"]) == (1, 1)
    grown = json.loads(run("index", "add", bundle, folder, note, "--json").output)
    assert (grown["documents"], grown["segments"]) == (2, 2)
    assert "2 documents" in run("index", "verify", folder).output
    found = run("predict", "--bundle", bundle, "--attach", f"collection={folder}", "--json", "rain in london")
    assert json.loads(found.output)["hits"][0]["title"] == "Weather"
    with pytest.raises(ConfigError, match="collection"):
        run("predict", "--bundle", bundle, "rain")
    with pytest.raises(ConfigError, match="no such folder"):
        run("predict", "--bundle", bundle, "--attach", tmp_path / "none", "rain")
