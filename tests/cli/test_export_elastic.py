"""`modelworks export elastic` by the grammar of what it writes for Kibana, Logstash and Filebeat, which are not run
here; Elasticsearch and rsyslog are, in tests/systems/test_elasticsearch.py."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml

from modelworks.contracts import target as targets
from modelworks.contracts.target import Facts


def exported(name: str = "Star-Moods", sinks: dict | None = None, **options: str) -> dict[str, str]:
    target = targets.find("elastic")
    settings = {"serve": {"sinks": sinks or {}}}
    facts = Facts(name=name, settings=settings, requirement="m==1", options={**target.options, **options})
    return {file.path.removeprefix("deploy/elastic/"): file.text for file in target.files(facts)}


def test_one_data_stream_is_meant_everywhere():
    files = exported()
    stream = "logs-modelworks.records-star_moods"
    assert json.loads(files["index-template.json"])["index_patterns"] == [stream, "logs-modelworks.server-star_moods"]
    for name in ("filebeat.yml", "logstash/records.conf", "rsyslog.conf", "kibana.ndjson"):
        assert stream in files[name], name


def test_the_stream_of_the_sink_is_the_stream_of_the_files():
    files = exported(sinks={"elasticsearch": {"data_stream": "logs-mine-here"}})
    assert "logs-mine-here" in json.loads(files["index-template.json"])["index_patterns"]
    assert 'searchIndex="logs-mine-here"' in files["rsyslog.conf"]


def test_lifecycle_of_the_stream_or_a_policy():
    own = json.loads(exported(retention="7d")["index-template.json"])["template"]
    assert own["lifecycle"] == {"data_retention": "7d"}
    files = exported(retention="7d", policy="answers")
    assert json.loads(files["index-template.json"])["template"]["settings"]["index"]["lifecycle"] == {"name": "answers"}
    assert json.loads(files["lifecycle.json"])["policy"]["phases"]["delete"]["min_age"] == "7d"
    assert "_ilm/policy/answers" in files["setup"]


def test_setup_is_a_shell_script():
    done = subprocess.run(["sh", "-n"], input=exported()["setup"], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# Kibana


@pytest.fixture
def saved() -> dict[tuple[str, str], dict]:
    rows = [json.loads(row) for row in exported()["kibana.ndjson"].splitlines()]
    return {(one["type"], one["id"]): one for one in rows}


def test_saved_objects_refer_to_one_another_and_come_before_they_are_referred_to(saved):
    seen: set[tuple[str, str]] = set()
    for key, one in saved.items():
        assert {"attributes", "references", "coreMigrationVersion", "typeMigrationVersion"} <= one.keys()
        assert {(r["type"], r["id"]) for r in one["references"]} <= seen
        seen.add(key)
    assert [kind for kind, _ in saved].count("dashboard") == 1


def test_charts_name_columns_and_mapped_fields_that_exist(saved):
    from modelworks.adapters._elastic import FIELDS

    for one in (one for (kind, _), one in saved.items() if kind == "lens"):
        state = one["attributes"]["state"]
        layer = state["datasourceStates"]["formBased"]["layers"]["layer"]
        columns = layer["columns"]
        assert layer["columnOrder"] == list(columns)
        assert [r["name"] for r in one["references"]] == ["indexpattern-datasource-layer-layer"]
        shown = state["visualization"]
        used = {shown["metricAccessor"]} if "metricAccessor" in shown else set()
        for drawn in shown.get("layers", ()):
            used |= {drawn["xAccessor"], *drawn["accessors"]}
            used |= {drawn["splitAccessor"]} if "splitAccessor" in drawn else set()
        assert used == columns.keys(), one["id"]
        for column in columns.values():
            assert column["sourceField"] == "___records___" or FIELDS[column["sourceField"]]["type"] != "text"
            order = column["params"].get("orderBy", {}).get("columnId", "a")
            assert not columns[order]["isBucketed"]


def test_panels_cover_the_grid_without_overlap(saved):
    dashboard = next(one for (kind, _), one in saved.items() if kind == "dashboard")
    panels = json.loads(dashboard["attributes"]["panelsJSON"])
    assert {f"{p['panelIndex']}:{p['panelRefName']}" for p in panels} == {r["name"] for r in dashboard["references"]}
    cells = [
        (x, y)
        for p in panels
        for x in range(p["gridData"]["x"], p["gridData"]["x"] + p["gridData"]["w"])
        for y in range(p["gridData"]["y"], p["gridData"]["y"] + p["gridData"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 47


# Logstash and Filebeat

_TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*)?(?:(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<number>-?\d+(?:\.\d+)?)
    |(?P<arrow>=>)|(?P<selector>(?:\[[^\[\],"]+\])+)|(?P<word>[A-Za-z_][\w-]*)|(?P<mark>[{}\[\],!()]))""",
    re.VERBOSE,
)


class Grammar:
    """Logstash's configuration language: sections of plugins and branches, options as `name => value`."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        text, at = re.sub(r"(?m)(^|\s)#[^\n]*", r"\1", text).rstrip(), 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            assert match, text[at : at + 40]
            self.tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            at = match.end()

    def take(self, *allowed: str) -> str:
        kind, text = self.tokens.pop(0)
        assert kind in allowed or text in allowed, (kind, text, allowed)
        return text

    def next(self) -> str:
        return self.tokens[0][1] if self.tokens else ""

    def whole(self) -> dict[str, list]:
        found: dict[str, list] = {}
        while self.tokens:
            section = self.take("input", "filter", "output")
            found.setdefault(section, []).extend(self.block())
        return found

    def block(self) -> list:
        self.take("{")
        found = []
        while self.next() != "}":
            name = self.take("word")
            if name == "if":
                while self.next() != "{":
                    self.take("!", "selector", "string", "word", "(", ")")
                found += self.block()
            else:
                found.append((name, self.options()))
        self.take("}")
        return found

    def options(self) -> dict[str, object]:
        self.take("{")
        found: dict[str, object] = {}
        while self.next() != "}":
            name = self.take("word", "string")
            assert name not in found
            self.take("arrow")
            found[name] = self.value()
        self.take("}")
        return found

    def value(self) -> object:
        if self.next() == "[":
            self.take("[")
            found = []
            while self.next() != "]":
                found.append(self.value())
                if self.next() == ",":
                    self.take(",")
            self.take("]")
            return found
        if self.next() == "{":
            return self.options()
        word = self.take("string", "number", "word")
        return (word, self.options()) if self.next() == "{" else word.strip("\"'")


def test_the_logstash_pipeline_creates_documents_under_their_ids():
    found = Grammar(exported(url="https://es:9200")["logstash/records.conf"]).whole()
    (name, options), *others = found["output"]
    assert (name, others) == ("elasticsearch", [])
    assert options["action"] == "create"
    assert options["document_id"] == "%{[event][id]}"
    assert options["data_stream"] == "false"
    assert options["ssl_enabled"] == "true"
    assert options["hosts"] == ["https://es:9200"]
    assert found["input"][0][1]["codec"] == ("json", {"ecs_compatibility": "v8"})


def test_the_dead_letter_pipeline_reads_the_queue_that_the_other_writes():
    files = exported()
    first, second = yaml.safe_load(files["logstash/pipelines.yml"])
    assert first["dead_letter_queue.enable"] is True
    found = Grammar(files["logstash/dead-letters.conf"]).whole()
    assert found["input"][0][1]["pipeline_id"] == first["pipeline.id"]
    assert second["path.config"] == "dead-letters.conf"


@pytest.mark.parametrize("text", ["input { file { path > 1 } }", "input { file { path => } }", "inputs { }", "input {"])
def test_the_grammar_refuses(text):
    with pytest.raises((AssertionError, IndexError)):
        Grammar(text).whole()


def test_filebeat_sends_records_under_their_ids():
    found = yaml.safe_load(exported()["filebeat.yml"])
    records, server = found["filebeat.inputs"]
    assert {records["type"], server["type"]} == {"filestream"}
    assert records["id"] != server["id"]
    copied = records["processors"][0]["copy_fields"]["fields"]
    assert copied == [{"from": "event.id", "to": "@metadata._id"}]
    assert found["setup.template.enabled"] is False
