"""A real MLflow server: a release is recorded over HTTP, and a server that is away costs nothing but a retry."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelworks.core import paths
from modelworks.stages.release import outbox, pending, sync

pytestmark = pytest.mark.systems


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder / 'store.db'}", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the server's workers with it
        process.wait(30)


def entry(project: Path, uri: str) -> outbox.Entry:
    bundle = paths.bundle(project, "b" * 64)
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_text("{}")
    return outbox.Entry(
        key="k" * 64, registry="mlflow", uri=uri, project="incidents", params={"seed": 0}, metrics={"f1": 0.5},
        curves={"loss": [(1, 2.0)]}, tags={"verdict": "passed"}, bundle="b" * 64, channel="champion",
    )  # fmt: skip


def test_release_reaches_the_server(project: Path, server: str) -> None:
    from mlflow.tracking import MlflowClient

    outbox.put(project, entry(project, server))
    assert sync(project) == []
    client = MlflowClient(tracking_uri=server, registry_uri=server)
    version = client.get_model_version_by_alias("incidents", "champion")
    assert client.get_run(version.run_id).data.metrics["f1"] == 0.5
    assert [f.path for f in client.list_artifacts(version.run_id, "bundle")] == ["bundle/manifest.json"]


def test_a_server_that_is_away_is_told_later(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    outbox.put(project, entry(project, f"http://127.0.0.1:{free_port()}"))
    assert len(sync(project)) == 1
    assert pending(project)[0].error
