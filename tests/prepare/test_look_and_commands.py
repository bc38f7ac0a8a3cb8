"""`look`, and the commands `data import`, `data show`, `data diff`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modelworks.cli.data import command
from modelworks.core import paths
from modelworks.core.errors import ConfigError, DataError
from modelworks.stages import prepare

Table = Callable[..., str]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, standalone_mode=False, catch_exceptions=False)
    if result.exception:
        raise result.exception
    return result.output


class TestLook:
    def test_sees_format_columns_and_labels(self, prepared: Any) -> None:
        prepared.write("data.tsv", "fine film\t1\npoor film\t0\ngreat film\t1\n")
        seen = prepare.look("sentiment-analysis", ["*.tsv"], prepared.project)
        assert (seen.format, seen.columns, seen.examples) == ("tsv", {"text": "1", "label": "2"}, 3)
        assert seen.labels == ("1", "0")
        assert seen.counts == {"1": 2, "0": 1}
        assert seen.files == ("data.tsv",)
        assert seen.sample[0] == "fine film → 1"

    def test_what_it_sees_can_be_prepared(self, prepared: Any, table: Table) -> None:
        prepared.write("data.tsv", "".join(f"film number {n}\t{n % 2}\n" for n in range(40)))
        seen = prepare.look("sentiment-analysis", ["data.tsv"], prepared.project)
        assert sum(prepared.run(source="data.tsv", columns=seen.columns).splits.values()) == 40

    def test_faults_are_counted(self, prepared: Any, table: Table) -> None:
        prepared.write("data.csv", table(4) + ",good\n")
        seen = prepare.look("sentiment-analysis", ["data.csv"], prepared.project)
        assert (seen.examples, seen.bad, seen.faults) == (4, 1, ("data.csv:6: the text is empty",))

    def test_nothing_usable_is_an_error(self, prepared: Any) -> None:
        prepared.write("data.csv", "text,label\n,good\n")
        with pytest.raises(DataError, match="the text is empty"):
            prepare.look("sentiment-analysis", ["data.csv"], prepared.project)


class TestImport:
    def test_converts_and_reports(self, prepared: Any, table: Table) -> None:
        prepared.write("a.csv", table(40))
        out = run("import", "a.csv", "--task", "sentiment-analysis", "--to", "b.jsonl")
        assert "a.csv (csv; text ← text, label ← label)" in out
        assert "Wrote 40 examples to b.jsonl" in out
        rows = [json.loads(line) for line in Path("b.jsonl").read_text().splitlines()]
        assert rows[0] == {"text": "a text numbered 0", "label": "good", "id": "a.csv:2"}
        assert len(rows) == 40

    @pytest.mark.parametrize("name", ["b.csv", "b.tsv", "b.jsonl"])
    def test_there_and_back(self, prepared: Any, table: Table, name: str) -> None:
        prepared.write("a.csv", table(40))
        run("import", "a.csv", "--task", "sentiment-analysis", "--to", name)
        assert prepared.run(source=name).splits == prepared.run(source="a.csv").splits

    def test_takes_the_task_of_the_project(self, prepared: Any, table: Table) -> None:
        prepared.write("modelworks.yaml", "name: x\ntask: sentiment-analysis\ndata: {source: a.csv}\n")
        prepared.write("a.csv", table(40))
        found = json.loads(run("import", "a.csv", "--json"))
        assert found["wrote"] is None
        assert found["validation"]["examples"] == 40

    def test_columns_and_bad_rows(self, prepared: Any) -> None:
        prepared.write("a.csv", "one,two\nfine,x\npoor,y\n,y\n" + "".join(f"t{n},{'xy'[n % 2]}\n" for n in range(20)))
        arguments = ("import", "a.csv", "--task", "sentiment-analysis", "--column", "text=one", "--column", "label=two")
        with pytest.raises(DataError, match="1 of 23"):
            run(*arguments)
        assert "a.csv:4: the text is empty" in run(*arguments, "--skip-bad")

    def test_replaces_nothing_unless_told(self, prepared: Any, table: Table) -> None:
        prepared.write("a.csv", table(40))
        prepared.write("b.jsonl", "precious")
        with pytest.raises(ConfigError, match="there already"):
            run("import", "a.csv", "--task", "sentiment-analysis", "--to", "b.jsonl")
        assert Path("b.jsonl").read_text() == "precious"

    def test_an_unknown_suffix_names_the_known(self, prepared: Any, table: Table) -> None:
        prepared.write("a.csv", table(40))
        with pytest.raises(DataError, match="no format is written") as caught:
            run("import", "a.csv", "--task", "sentiment-analysis", "--to", "b.xlsx")
        assert ".jsonl" in caught.value.allowed

    def test_a_bad_pair(self, prepared: Any) -> None:
        with pytest.raises(ConfigError, match="not a column"):
            run("import", "a.csv", "--task", "sentiment-analysis", "--column", "text")


class TestShowAndDiff:
    @pytest.fixture
    def history(self, prepared: Any, table: Table) -> Any:
        prepared.write("modelworks.yaml", "name: x\ntask: sentiment-analysis\ndata: {source: a.csv}\n")
        for key, count in (("k1", 40), ("k2", 50)):
            prepared.write("a.csv", table(count))
            dataset = prepared.run(source="a.csv")
            (paths.store(prepared.project) / "prepare").mkdir(parents=True, exist_ok=True)
            dataset.folder.rename(paths.store(prepared.project) / "prepare" / key)
        return prepared

    def test_show(self, history: Any) -> None:
        out = run("show")
        assert "a.csv (csv; text ← text, label ← label)" in out
        assert "50 of 50 examples, split: stratified" in out
        found = json.loads(run("show", "1", "--json"))
        assert [version["number"] for version in found["versions"]] == [1, 2]
        assert found["shown"]["validation"]["examples"] == 40

    def test_diff(self, history: Any) -> None:
        assert "10 added, 0 removed" in run("diff")
        found = json.loads(run("diff", "2", "1", "--json"))
        assert (found["added"], found["removed"]) == (0, 10)

    def test_before_any_run(self, prepared: Any) -> None:
        prepared.write("modelworks.yaml", "name: x\ntask: sentiment-analysis\ndata: {source: a.csv}\n")
        with pytest.raises(DataError) as caught:
            run("show")
        assert caught.value.allowed == "none yet"
