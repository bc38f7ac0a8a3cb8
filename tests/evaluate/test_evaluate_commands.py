"""`modelworks evaluate`, `compare` and `optimize` on files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelworks.cli.compare import command as compare
from modelworks.cli.evaluate import command as evaluate
from modelworks.cli.optimize import command as optimize
from modelworks.core.errors import BundleError, ConfigError, DataError


@pytest.fixture
def data(tmp_path: Path, examples) -> Path:
    path = tmp_path / "data.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label", "channel"])
        writer.writerows((e.input.text, e.target.label, e.meta["source"]) for e in examples(200))
    return path


def call(command, *arguments) -> str:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def raised(command, *arguments) -> BaseException:
    result = CliRunner().invoke(command, [str(a) for a in arguments])
    assert result.exception is not None
    return result.exception


def test_evaluate_prints_and_keeps_a_report(bundle, data, tmp_path) -> None:
    out = tmp_path / "kept"
    report = json.loads(call(evaluate, bundle / "bundle", data, "--json", "--slice", "channel", "--out", out))
    assert report["examples"] == 200
    assert {one["value"] for one in report["slices"] if one["column"] == "channel"} == {"web", "mail"}
    assert json.loads((out / "report.json").read_bytes()) == report
    words = call(evaluate, bundle / "bundle", data)
    assert "accuracy" in words
    assert "label: positive" in words


def test_evaluate_reads_a_zip_of_a_bundle(bundle, data, tmp_path) -> None:
    from modelworks.bundle import pack

    pack(bundle / "bundle", tmp_path / "b.zip")
    assert json.loads(call(evaluate, tmp_path / "b.zip", data, "--json"))["examples"] == 200


def test_compare_finds_the_better_bundle(bundle, shifted, data) -> None:
    facts = json.loads(call(compare, bundle / "bundle", shifted / "bundle", data, "--json"))
    row = next(one for one in facts["metrics"] if one["metric"] == "accuracy")
    assert row["low"] > 0
    assert row["difference"] == pytest.approx(row["a"] - row["b"])
    assert "A is better" in call(compare, bundle / "bundle", shifted / "bundle", data)
    assert "no difference shown" in call(compare, bundle / "bundle", bundle / "bundle", data)


@pytest.mark.slow
def test_optimize_writes_a_bundle(bundle, data, tmp_path) -> None:
    from modelworks.bundle import Predictor

    out = tmp_path / "best"
    words = call(optimize, bundle / "bundle", "--data", data, "--out", out, "--variant", "float16", "--for", "size")
    assert "float16" in words
    assert "→" in words
    Predictor.open(out / "bundle")
    assert isinstance(raised(optimize, bundle / "bundle", "--data", data, "--out", out), ConfigError)


@pytest.mark.parametrize("command", [evaluate, compare])
def test_bad_examples_are_left_out_when_asked(bundle, data, command) -> None:
    with data.open("a") as stream:
        stream.write("good film,,web\n,positive,web\n")
    folders = [bundle / "bundle"] * (2 if command is compare else 1)
    result = CliRunner().invoke(command, [*map(str, folders), str(data), "--skip-bad"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "left out 2 examples:" in result.stderr
    assert "data.csv:202: the label is empty" in result.stderr


def test_faults(bundle, data, tmp_path) -> None:
    folder = bundle / "bundle"
    assert isinstance(raised(evaluate, folder, tmp_path / "none.csv"), DataError)
    assert "channel" in str(raised(evaluate, folder, data, "--slice", "chanel"))
    assert isinstance(raised(evaluate, folder, data, "--column", "text"), ConfigError)
    bad = tmp_path / "bad.csv"
    bad.write_text("text,label\ngood film,\n")
    error = raised(evaluate, folder, bad)
    assert isinstance(error, DataError)
    assert "bad.csv" in error.where
    assert "--skip-bad" in error.hint
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{}")
    assert isinstance(raised(evaluate, tmp_path / "broken", data), BundleError)
