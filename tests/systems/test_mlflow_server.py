"""A real MLflow server with users, on SQLite: what a release tells it, and what happens when it is told badly."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
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
from pathlib import Path
from typing import Any

import mlflow_servers
import msgspec
import outside
import pytest
import tiny_tasks
from click.testing import CliRunner

from modelworks import kinds
from modelworks.bundle import Predictor
from modelworks.cli.main import group
from modelworks.contracts.registry import Run
from modelworks.core import config, lock, paths
from modelworks.stages.release import outbox, pending, sync

pytestmark = pytest.mark.systems
USER, PASSWORD, SECRET = "admin", "a long enough password", "a secret of ours"
TEXTS = ["a good film", "a bad film", ""]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    env = {
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD, "MLFLOW_FLASK_SERVER_SECRET_KEY": "of this test",
        # what an administrator would not set: webhooks to this machine, without TLS, known at once
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "0",
    }  # fmt: skip
    with mlflow_servers.server(tmp_path_factory.mktemp("mlflow"), "", "--app-name", "basic-auth", env=env) as url:
        yield url


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, server: str) -> Path:
    """A project that was run once, in a Git repository, and whose release has reached the server."""
    project = tiny_tasks.project(tmp_path_factory.mktemp("project"), "sentiment-analysis")
    path = project / config.FILE
    path.write_text(path.read_text("utf-8").replace("none", f"mlflow, uri: '{server}'").replace("6s", "60s"), "utf-8")
    (project / ".gitignore").write_text(".modelworks\n")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", *command], cwd=project, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_USERNAME", USER)
        patch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
        tiny_tasks.run(project)
        until = time.monotonic() + 180
        while (waiting := pending(project)) and time.monotonic() < until:
            time.sleep(0.2)
    assert waiting == [], (project / ".modelworks" / "outbox" / "log.txt").read_text()
    return project


def client(url: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=url, registry_uri=url)


def runs(url: str, project: str) -> dict[str, Any]:
    """All runs of an experiment by their key."""
    experiment = client(url).get_experiment_by_name(project).experiment_id
    found = client(url).search_runs([experiment])
    by_key = {run.data.tags["modelworks.key"]: run for run in found}
    assert len(by_key) == len(found)
    return by_key


def test_a_run_is_told_with_its_steps(released: Path, server: str) -> None:
    found = {key.partition("/")[2]: run for key, run in runs(server, "tiny").items()}
    assert set(found) == {"", "prepare", "train", "optimize", "optimize/original", "evaluate"}
    above = {name: run.data.tags.get("mlflow.parentRunId") for name, run in found.items()}
    whole, optimize = found[""].info.run_id, found["optimize"].info.run_id
    assert above == {
        "": None, "prepare": whole, "train": whole, "optimize": whole, "evaluate": whole, "optimize/original": optimize
    }  # fmt: skip
    assert float(found["train"].data.params["options.epochs"]) == 2
    assert found["train"].data.metrics["curve/dev"] >= 0
    assert 0 <= found["train"].data.metrics["system/cpu_utilization_percentage"] <= 100
    assert found["train"].data.metrics["system/process_memory_usage_megabytes"] > 10
    scores = found["evaluate"].data.metrics
    assert scores["accuracy/low"] <= scores["accuracy"] <= scores["accuracy/high"]
    assert found["optimize/original"].data.metrics["p50_ms"] > 0
    assert all(run.info.status == "FINISHED" and run.info.end_time >= run.info.start_time for run in found.values())


def test_lineage_to_dataset_commit_and_verdict(released: Path, server: str) -> None:
    version = client(server).get_model_version_by_alias("tiny", "champion")
    pin = lock.read(released).pin()
    assert pin is not None
    assert version.tags["modelworks.bundle"] == pin.bundle
    assert version.tags["modelworks.dataset"] == pin.dataset
    assert version.tags["modelworks.task"] == "sentiment-analysis"
    assert version.tags["modelworks.verdict"] == "passed"
    assert version.description.startswith("Release: no condition is set")
    run = client(server).get_run(version.run_id)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=released, capture_output=True, text=True, check=True)
    assert run.data.tags["mlflow.source.git.commit"] == commit.stdout.strip()
    assert "modelworks.uncommitted" not in run.data.tags
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.digest == pin.dataset[:36]
    assert json.loads(given.dataset.source) == {"uri": "train.jsonl dev.jsonl test.jsonl", "dataset": pin.dataset}


def answers(project: Path) -> list[Any]:
    pin = lock.read(project).pin()
    assert pin is not None
    predictor = Predictor.open(paths.bundle(project, pin.bundle))
    return [json.loads(kinds.encode(answer)) for answer in predictor.predict([kinds.Text(text) for text in TEXTS])]


LOAD = """
import json, sys
def refuse(event, facts):
    if event == "pickle.find_class":
        raise SystemExit(f"unpickles {facts}")
import mlflow.pyfunc, pandas
sys.addaudithook(refuse)
model = mlflow.pyfunc.load_model("models:/tiny@champion")
texts = json.loads(sys.argv[1])
print(json.dumps([model.predict(pandas.DataFrame({"text": texts})), model.predict({"text": texts})]))
"""


def test_the_version_loads_without_pickle_and_answers_the_same(released: Path, server: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps(TEXTS)], capture_output=True, text=True, check=False,
        env={**os.environ, "MLFLOW_TRACKING_URI": server},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [answers(released)] * 2


def test_mlflow_serves_the_version_with_the_same_answers(released: Path, server: str, tmp_path: Path) -> None:
    port = outside.free_port()
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/tiny@champion", "--env-manager", "local",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    bodies = [
        {"dataframe_split": {"columns": ["text"], "data": [[text] for text in TEXTS]}},
        {"dataframe_records": [{"text": text} for text in TEXTS]},
        {"inputs": {"text": TEXTS}},
    ]
    log = tmp_path / "serve.txt"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it calls `uvicorn` by name
    with outside.server(command, log, {"MLFLOW_TRACKING_URI": server, "PATH": path}) as process:
        outside.answers(f"http://127.0.0.1:{port}/ping", 180, process)
        for body in bodies:
            answer = posted(f"http://127.0.0.1:{port}/invocations", body)
            assert answer == {"predictions": answers(released)}


def posted(url: str, body: Any, **headers: str) -> Any:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read() or b"null")


def entry(project: Path, uri: str, key: str = "k", name: str = "incidents") -> outbox.Entry:
    from tiny_bundles import make_text_bundle

    bundle = paths.bundle(project, "b" * 64)
    if not bundle.exists():
        make_text_bundle(bundle)
    report = project / "report.txt"
    report.write_text("a report")
    points = [(step, 1 / step) for step in range(1, 1500)]
    parts = tuple(
        Run(project=name, name=part, tags={"key": f"{key * 64}/{part}"}, curves={"loss": points}, started=1.7e9)
        for part in ("train", "evaluate")
    )
    return outbox.Entry(
        key=key * 64, registry="mlflow", uri=uri, project=name, params={"seed": 0}, metrics={"f1": 0.5},
        curves={"loss": points}, tags={"verdict": "passed", "task": "sentiment-analysis"}, started=1.7e9,
        children=parts, files=(str(report),), bundle="b" * 64, channel="champion",
    )  # fmt: skip


def test_rejected_credentials_are_told_and_wait_for_better_ones(
    project: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / config.FILE).write_text("name: a\ntask: sentiment-analysis\ndata: {source: x}\n")
    outbox.put(project, entry(project, server, name="secret"))
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a wrong password")
    (failed,) = sync(project, due=True)
    assert failed.refused
    listed = CliRunner().invoke(group, ["release", "list"]).output
    assert "MLflow refuses the credentials" in listed
    assert "MLFLOW_TRACKING_PASSWORD" in listed
    assert PASSWORD not in listed
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    assert len(sync(project, due=True)) == 1  # not tried by itself
    told = CliRunner().invoke(group, ["release", "sync"], standalone_mode=False)
    assert (told.return_value, told.stdout) == (0, "mlflow: mlflow:secret/1\n")
    assert pending(project) == []


def test_a_user_without_the_permission_is_told_so(project: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox.put(project, entry(project, server, name="theirs"))
    assert sync(project) == []
    mine = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    posted(
        f"{server}/api/2.0/mlflow/users/create", {"username": "reader", "password": "another password"},
        Authorization=f"Basic {mine}",
    )  # fmt: skip
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "reader")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another password")
    outbox.put(project, entry(project, server, "n", name="theirs"))
    (failed,) = sync(project)
    assert failed.refused
    assert "may not do that" in failed.error


class Door(http.server.BaseHTTPRequestHandler):
    """Hands requests on to the server behind it, so many of them; then it breaks every connection."""

    protocol_version = "HTTP/1.1"
    behind, left, seen = "", 0, 0

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Door.left, Door.seen = Door.left - 1, Door.seen + 1
        if Door.left < 0:
            self.close_connection = True
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        request = urllib.request.Request(Door.behind + self.path, body or None, headers, method=self.command)
        try:
            response = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            data = response.read()
        if Door.left == 0:  # the server did it, and the answer is lost
            self.close_connection = True
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_one

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def listening(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.server_address[1]}"
        finally:
            listener.shutdown()


def test_a_server_that_dies_midway_is_told_the_rest_once(project: Path, server: str) -> None:
    Door.behind, patience, failures = server, 2, 0
    with listening(Door) as url:
        outbox.put(project, entry(project, url, name="dying"))
        while True:
            Door.left = patience
            if not sync(project):
                break
            assert pending(project)[0].error
            patience, failures = patience + 7, failures + 1
            assert failures < 40
    assert failures > 2
    found = runs(server, "dying")
    assert set(found) == {"k" * 64, f"{'k' * 64}/train", f"{'k' * 64}/evaluate"}
    for run in found.values():
        history = client(server).get_metric_history(run.info.run_id, "curve/loss")
        assert [point.step for point in history] == list(range(1, 1500))
    assert len(client(server).search_model_versions("name = 'dying'")) == 1
    assert client(server).get_model_version_by_alias("dying", "champion").version in (1, "1")


class Receiver(http.server.BaseHTTPRequestHandler):
    calls: list[tuple[dict[str, str], bytes]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_a_channel_that_moves_calls_the_webhook_signed(
    released: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(released)
    with listening(Receiver) as url:
        for secret, done in (("an older one", "made"), (SECRET, "changed")):
            monkeypatch.setenv("MODELWORKS_WEBHOOK_SECRET", secret)
            said = CliRunner().invoke(group, ["release", "webhook", url], standalone_mode=False)
            assert said.output.startswith(f"{done} webhook "), said
        moved = CliRunner().invoke(group, ["release", "promote", "1", "--channel", "challenger"], standalone_mode=False)
        assert moved.return_value == 0, moved
        until = time.monotonic() + 120
        while not Receiver.calls and time.monotonic() < until:
            time.sleep(0.1)
    ((headers, body), *_) = Receiver.calls
    number = str(client(server).get_model_version_by_alias("tiny", "champion").version)  # the only release
    assert json.loads(body)["data"] == {"name": "tiny", "alias": "challenger", "version": number}
    assert json.loads(body)["entity"] == "model_version_alias"
    signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.{body.decode()}"
    signature = base64.b64encode(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()).decode()
    assert headers["x-mlflow-signature"] == f"v1,{signature}"
    assert msgspec.json.decode(body)["action"] == "created"
