"""Records on a real Elasticsearch: under load, with either side killed, refused documents, a door that wants a key, the
dashboard's queries, another shipper. Kibana and Logstash are not here: see tests/cli/test_export_elastic.py."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import outside
import pytest
from click.testing import CliRunner
from elasticsearch_server import Elasticsearch, within
from tiny_bundles import make_text_bundle

from modelworks import kinds
from modelworks.adapters import _elastic
from modelworks.cli import doctor
from modelworks.cli.main import group
from modelworks.core import config, paths
from modelworks.serve.records import Record, line

pytestmark = pytest.mark.systems
CLI = (sys.executable, "-m", "modelworks")
WORDS = ("a good fine film", "bad and awful", "the plot is very dull", "great", "not a poor actor")
LABELS = ("negative", "neutral", "positive")


@pytest.fixture(scope="module")
def elastic(tmp_path_factory) -> Iterator[Elasticsearch]:
    server = Elasticsearch(tmp_path_factory.mktemp("elasticsearch"))
    yield server
    server.down()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make_text_bundle(tmp_path_factory.mktemp("bundles") / "text")


@pytest.fixture
def moods(request, tmp_path, elastic, monkeypatch) -> Project:
    """A project of the test's own, with its templates installed."""
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, request.node.name.replace("test_", "")[:40].strip("_"), elastic)


class Project:
    """A project whose records go to `elastic`."""

    def __init__(self, folder: Path, name: str, elastic: Elasticsearch) -> None:
        self.folder, self.name, self.elastic = folder, name, elastic
        self.stream, self.records = _elastic.data_stream(name), paths.records(folder)
        self.sinks(url=elastic.url)
        options = {"replicas": "0", "records": str(self.records), "url": elastic.url}
        self.call(
            "export", "elastic", *(part for key, value in options.items() for part in ("--set", f"{key}={value}"))
        )
        self.setup()

    def sinks(self, **options: Any) -> None:
        settings = {"name": self.name, "task": "sentiment-analysis", "data": {"source": "data.csv"}}
        settings |= {"engine": "plain", "release": {"registry": "none"}}
        settings["serve"] = {"sinks": {"elasticsearch": options}}
        (self.folder / "modelworks.yaml").write_text(json.dumps(settings))

    def call(self, *arguments: str, code: int = 0, **env: str) -> str:
        done = CliRunner(env=env).invoke(group, list(arguments), standalone_mode=False)
        assert done.return_value == code, (done.output, done.exception)
        return done.output

    def setup(self) -> None:
        subprocess.run(
            [self.folder / "deploy" / "elastic" / "setup"], env={**os.environ, "KIBANA_URL": ""}, check=True,
            capture_output=True, timeout=120,
        )  # fmt: skip

    def ship(self, *arguments: str, code: int = 0, **env: str) -> dict[str, Any]:
        said = self.call("ship", "elasticsearch", "--once", "--json", *arguments, code=code, **env)
        facts: dict[str, Any] = json.loads(said.splitlines()[0])
        return facts

    def doctor(self) -> dict[str, str]:
        found = doctor._systems(self.folder, config.load_project(self.folder))
        return next(one for one in found if one["what"].startswith("elasticsearch"))

    def write(self, lines: list[bytes], name: str = "records-1.jsonl") -> None:
        self.records.mkdir(parents=True, exist_ok=True)
        (self.records / name).write_bytes(b"".join(lines))

    def written(self) -> list[str]:
        """`event.id` of every record on the disk."""
        return [json.loads(row)["event"]["id"] for path in self.records.glob("*.jsonl") for row in rows_of(path)]


def rows_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def record(number: int, value: kinds.Kind | None = None, when: float | None = None) -> bytes:
    best = LABELS[number % 3]
    said = kinds.decode("labels", {"label": best, "score": 0.7, "labels": [{"label": best, "score": 0.7}]})
    given = value or kinds.Text(f"text {number} " + "word " * (number % 7))
    one = Record(when or time.time(), f"r-{number}", 0, "ab" * 32, "moods", str(1 + number // 500), given, said, 0.0015)
    return line(one, f"id-{number}")


class Served:
    """A running `modelworks serve` in a project."""

    def __init__(self, project: Project, bundle: Path, log: Path) -> None:
        self.port = outside.free_port()
        command = [*CLI, "serve", str(bundle), "--port", str(self.port), "--log-format", "ecs"]
        self._running = outside.server(command, log, cwd=project.folder)
        self.process = self._running.__enter__()
        outside.answers(f"http://127.0.0.1:{self.port}/readyz", 90, self.process)

    def load(self, requests: int, clients: int = 8) -> int:
        """How many of so many requests were answered 200."""
        with ThreadPoolExecutor(clients) as pool:
            return sum(pool.map(self._ask, [requests // clients] * clients))

    def _ask(self, requests: int) -> int:
        answered, client = 0, http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            for number in range(requests):
                client.request("POST", "/predict", json.dumps({"text": WORDS[number % len(WORDS)]}))
                answer = client.getresponse()
                answer.read()
                answered += answer.status == 200
        except (OSError, http.client.HTTPException):  # killed meanwhile
            return answered
        finally:
            client.close()
        return answered

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            rows = answer.read().decode().splitlines()
        return float(next(row for row in rows if row.startswith(name)).split()[-1])

    def end(self) -> None:
        self._running.__exit__(None, None, None)


@pytest.fixture
def serve(moods, bundle, tmp_path) -> Iterator[Any]:
    begun: list[Served] = []

    def start() -> Served:
        begun.append(Served(moods, bundle, tmp_path / "serve.jsonl"))
        return begun[-1]

    yield start
    for served in begun:
        served.end()


def test_elasticsearch_killed_under_load_has_every_answer_once(moods, serve, elastic):
    served = serve()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(served.load, 2000)
        within(60, lambda: elastic.count(moods.stream) > 100)
        elastic.kill()
        answered = asking.result() + served.load(1000)
    assert within(60, lambda: served.metric('modelworks_sink_takes{sink="elasticsearch"}') == 0)
    assert served.metric("modelworks_sink_waiting_bytes") > 0
    elastic.up()
    answered += served.load(504)
    assert answered == 3504
    assert within(90, lambda: elastic.count(moods.stream) >= answered)
    assert within(60, lambda: served.metric("modelworks_sink_waiting_bytes") == 0)
    ids = elastic.ids(moods.stream)
    assert len(ids) == answered
    assert set(ids) == set(moods.written())
    assert served.metric("modelworks_records_dropped") == served.metric("modelworks_sink_lost_bytes_total") == 0
    log = [json.loads(row)["message"] for row in rows_of(moods.folder / "serve.jsonl")]
    assert [m for m in log if "they wait on the disk" in m]
    assert "elasticsearch takes records again" in log


def test_a_server_killed_while_it_ships_goes_on_and_sends_nothing_twice(moods, serve, elastic):
    served = serve()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(served.load, 4000)
        within(60, lambda: elastic.count(moods.stream) > 100)
        served.process.kill()
        asking.result()
    served.process.wait()
    again = serve()
    assert again.load(400) == 400
    assert within(90, lambda: elastic.count(moods.stream) >= len(moods.written()) and again.load(8))
    again.end()  # SIGTERM: what is left is shipped
    ids = elastic.ids(moods.stream)
    assert len(ids) == len(set(ids)) == len(moods.written())
    assert set(ids) == set(moods.written())


def test_what_was_sent_and_not_noted_is_known_by_its_id(moods, elastic):
    moods.write([record(number) for number in range(1500)])
    assert moods.ship()["shipped"] == 1500
    (moods.records / ".sinks" / "elasticsearch.json").unlink()
    assert moods.ship()["known"] == 1500
    assert elastic.count(moods.stream) == 1500


def test_refused_documents_become_dead_letters_and_the_rest_arrives(moods, elastic):
    bad = json.loads(record(1))
    bad["@timestamp"] = "yesterday"
    moods.write([record(0), json.dumps(bad).encode() + b"\n", b"rubbish\n", record(2), b'{"torn": '])
    os.utime(moods.records / "records-1.jsonl", (1e9, 1e9))
    moods.write([record(3)], "records-2.jsonl")
    assert moods.ship()["dead_letters"] == 3
    assert sorted(elastic.ids(moods.stream)) == ["id-0", "id-2", "id-3"]
    letters = [json.loads(row) for row in rows_of(moods.records / "dead" / "elasticsearch.jsonl")]
    reasons = {letter["event"]["original"][:8]: letter["error"]["message"] for letter in letters}
    assert "failed to parse field [@timestamp]" in reasons['{"@times']
    assert "no JSON object" in reasons["rubbish"]
    assert "no JSON object" in reasons['{"torn":']
    assert moods.ship("--dead-letters")["revived"] == 3
    assert elastic.count(moods.stream) == 3


def test_every_kind_fits_the_mapping(moods, elastic):
    samples = [kinds.decode(name, dict(kind.sample)) for name, kind in sorted(kinds.base.KINDS.items()) if kind.sample]
    assert len(samples) > 10
    lines = []
    for number, value in enumerate(samples):
        one = Record(time.time(), f"r-{number}", 0, "ab" * 32, "moods", "1", value, value, 0.001)
        lines.append(line(one, f"id-{number}"))
    moods.write(lines)
    facts = moods.ship()
    assert (facts["shipped"], facts["dead_letters"]) == (len(samples), 0)
    found = elastic.search(moods.stream, query={"term": {"modelworks.input.kind": "text"}})
    assert found["hits"]["total"]["value"] == 1


def test_without_its_templates_nothing_is_sent_and_the_hint_says_what_to_do(moods, elastic):
    elastic.ask("DELETE", f"_index_template/modelworks-{_elastic.namespace(moods.name)}")
    moods.write([record(0)])
    facts = moods.ship("--seconds", "3", code=1)
    assert facts["waiting_bytes"] > 0
    assert "no matching index template" in facts["problem"]
    moods.setup()
    assert moods.ship()["shipped"] == 1
    moods.setup()  # again changes nothing
    assert elastic.count(moods.stream) == 1


def test_a_door_that_wants_a_key(moods, elastic, monkeypatch):
    with guarded(elastic.port, "c2VjcmV0") as url:
        moods.sinks(url=url)
        moods.write([record(number) for number in range(10)])
        assert "answered 401" in moods.ship("--seconds", "3", code=1)["problem"]
        found = moods.doctor()
        assert (found["state"], found["seen"]) == ("fault", "answered 401")
        assert "ELASTICSEARCH_API_KEY" in found["next"]
        assert moods.ship(ELASTICSEARCH_API_KEY="c2VjcmV0")["shipped"] == 10
        monkeypatch.setenv("ELASTICSEARCH_API_KEY", "c2VjcmV0")
        assert moods.doctor()["seen"] == "version 8.19.21"
    assert elastic.count(moods.stream) == 10
    kept = b"".join(path.read_bytes() for path in moods.folder.rglob("*") if path.is_file())
    assert b"c2VjcmV0" not in kept


class guarded:
    """A proxy before a server on loopback that answers 401 without `ApiKey <key>`."""

    def __init__(self, port: int, key: str) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.headers.get("authorization") != f"ApiKey {key}":
                    return self.answer(401, b'{"error": {"type": "security_exception"}}')
                client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                sent = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "authorization")}
                client.request(self.command, self.path, body, sent)
                answer = client.getresponse()
                self.answer(answer.status, answer.read(), answer.headers.get("content-encoding", ""))
                client.close()

            do_POST = do_GET

            def answer(self, status: int, body: bytes, encoding: str = "") -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                if encoding:
                    self.send_header("content-encoding", encoding)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


# Kibana's dashboard


def test_every_chart_of_the_dashboard_has_data(moods, elastic):
    moods.write([record(number, when=time.time() - (number % 6) * 86_400) for number in range(1200)])
    assert moods.ship()["shipped"] == 1200
    saved = [json.loads(row) for row in rows_of(moods.folder / "deploy" / "elastic" / "kibana.ndjson")]
    view = next(one for one in saved if one["type"] == "index-pattern")
    charts = [one for one in saved if one["type"] == "lens"]
    assert len(charts) >= 9
    for chart in charts:
        layer = chart["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]["layer"]
        found = elastic.search(view["attributes"]["title"], size=0, aggs=aggregations(layer))
        for row in rows(found["aggregations"], list(layer["columns"].items())):
            assert all(value is not None for value in row.values()), chart["id"]
    by_day = next(one for one in charts if one["id"].endswith("drift-labels"))
    layer = by_day["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]["layer"]
    found = elastic.search(view["attributes"]["title"], size=0, aggs=aggregations(layer))
    days = found["aggregations"]["x"]["buckets"]
    assert len(days) >= 6
    assert {one["key"] for day in days for one in day["s"]["buckets"]} == {*LABELS}


def aggregations(layer: dict[str, Any]) -> dict[str, Any]:
    """What Lens asks Elasticsearch for a layer: bucketed columns around the figures."""
    columns = layer["columns"]
    inner = {name: figure(column) for name, column in columns.items() if not column["isBucketed"]}
    inner = {name: asked for name, asked in inner.items() if asked}  # a count is the bucket's own
    for name in reversed([name for name in layer["columnOrder"] if columns[name]["isBucketed"]]):
        inner = {name: {**bucket(columns[name]), "aggs": inner}}
    return inner or {"a": {"value_count": {"field": "@timestamp"}}}


def bucket(column: dict[str, Any]) -> dict[str, Any]:
    field, params = column["sourceField"], column["params"]
    if column["operationType"] == "date_histogram":
        if params["interval"] == "auto":
            return {"date_histogram": {"field": field, "fixed_interval": "3h", "min_doc_count": 1}}
        return {"date_histogram": {"field": field, "calendar_interval": params["interval"], "min_doc_count": 1}}
    assert column["operationType"] == "terms"
    return {"terms": {"field": field, "size": params["size"]}}


def figure(column: dict[str, Any]) -> dict[str, Any] | None:
    field, kind = column["sourceField"], column["operationType"]
    if kind == "count":
        return None
    if kind == "percentile":
        return {"percentiles": {"field": field, "percents": [column["params"]["percentile"]]}}
    return {{"average": "avg"}[kind]: {"field": field}}


def rows(found: dict[str, Any], columns: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """One row a bucket that holds documents; fails when there is none."""
    if not columns:
        return [{}]
    (name, column), *others = columns
    if not column["isBucketed"]:
        answer = found.get(name, {"value": found.get("doc_count", found.get("a", {}).get("value"))})
        value = next(iter(answer["values"].values())) if "values" in answer else answer["value"]
        return [{**row, name: value or None} for row in rows(found, others)]
    buckets = [one for one in found[name]["buckets"] if one["doc_count"]]
    assert buckets, f"no data for {column['label']}"
    return [{name: one["key"], **row} for one in buckets for row in rows(one, others)]


# The Elastic Common Schema and another shipper


@pytest.fixture(scope="module")
def tools() -> Path:
    """rsyslog is installed, and this is where npm's packages are."""
    return outside.environment("elastic")


@pytest.fixture(scope="module")
def schema(tools) -> dict[str, Any]:
    """ECS's own definitions: field -> {type, allowed_values…}."""
    script = "console.log(JSON.stringify(require('@elastic/ecs').EcsFlat))"
    done = subprocess.run(["node", "-e", script], cwd=tools, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


FAMILY = {"match_only_text": "text", "wildcard": "keyword", "constant_keyword": "keyword", "scaled_float": "float"}


def test_mapped_fields_are_those_of_the_common_schema(schema):
    for name, field in _elastic.FIELDS.items():
        if not name.startswith("modelworks."):
            kind = schema[name]["type"]
            family = "text" if name == "error.stack_trace" else FAMILY.get(kind, kind)
            assert field["type"] == family, name


def test_records_and_log_lines_hold_fields_and_values_of_the_common_schema(schema, moods, serve):
    served = serve()
    assert served.load(16) == 16
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{served.port}/nothing", timeout=30)
    served.end()
    lines = [row for path in moods.records.glob("*.jsonl") for row in rows_of(path)]
    log = rows_of(moods.folder / "serve.jsonl")
    assert len(lines) == 16
    assert {json.loads(row).get("http", {}).get("response", {}).get("status_code") for row in log} >= {200, 404}
    for row in (*lines, *log):
        flat = flattened({k: v for k, v in json.loads(row).items() if k != "modelworks"})
        assert flat.keys() <= schema.keys()
        assert flat.keys() <= _elastic.FIELDS.keys(), "a field without a mapping"
        for name, value in flat.items():
            allowed = {one["name"] for one in schema[name].get("allowed_values", ())}
            values = value if isinstance(value, list) else [value]
            assert not allowed or {*values} <= allowed, name
            assert isinstance(value, list) == ("array" in schema[name]["normalize"]), name


def flattened(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found = {}
    for key, inner in value.items():
        found |= flattened(inner, f"{prefix}{key}.") if isinstance(inner, dict) else {prefix + key: inner}
    return found


def test_rsyslog_ships_our_files_to_the_same_documents(moods, elastic, tmp_path, tools):
    moods.write([record(number) for number in range(800)])
    work = tmp_path / "rsyslog"
    work.mkdir()
    exported = moods.folder / "deploy" / "elastic" / "rsyslog.conf"
    (work / "main.conf").write_text(f'global(workDirectory="{work}")\ninclude(file="{exported}")\n')
    command = ["/usr/sbin/rsyslogd", "-n", "-f", work / "main.conf", "-i", work / "pid"]
    with outside.server(command, work / "log"):
        within(60, lambda: elastic.count(moods.stream) >= 800)
        moods.write([record(number) for number in range(800, 850)], "records-2.jsonl")
        within(60, lambda: elastic.count(moods.stream) >= 850)
    assert moods.ship()["known"] == 850  # our own shipper finds them all there
    assert elastic.count(moods.stream) == 850
    found = elastic.search(moods.stream, size=1, query={"term": {"event.id": "id-7"}})["hits"]["hits"][0]
    assert found["_id"] == "id-7"
    assert found["_source"] == json.loads((moods.records / "records-1.jsonl").read_bytes().splitlines()[7])
