"""Exported Prometheus files on the real programs: promtool judges the rules, Prometheus scrapes a running server, and
Alertmanager takes an alert to a webhook when the server goes away. Debian: prometheus, prometheus-alertmanager."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tiny_bundles import make_text_bundle

from modelworks.cli.main import group

pytestmark = [
    pytest.mark.systems,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="apt-get install prometheus prometheus-alertmanager"),
]
CONFIG = """\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:%d"]}]}]}
scrape_config_files: [scrape.yml]
"""
ROUTES = """\
route: {receiver: hook, group_wait: 1s, group_interval: 1s}
receivers: [{name: hook, webhook_configs: [{url: "http://127.0.0.1:%d/"}]}]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def within(seconds: float, what: Callable[[], Any]) -> Any:
    """The first true value of `what`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if value := what():
                return value
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds} s")


@pytest.fixture
def exported(project) -> tuple[Path, int]:
    """(folder of the exported files, port of the server they speak of)."""
    port = free_port()
    (project / "modelworks.yaml").write_text("name: moods\ntask: sentiment-analysis\ndata: {source: data.csv}\n")
    made = CliRunner().invoke(
        group, ["export", "prometheus", "--set", f"address=127.0.0.1:{port}"], standalone_mode=False
    )
    assert made.return_value == 0
    return project / "deploy" / "prometheus", port


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []

    def run(*command: str, cwd: Path) -> subprocess.Popen[bytes]:
        running.append(subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return running[-1]

    yield run
    for process in running:
        process.terminate()
        process.wait(20)


def test_rules_pass_their_own_unit_tests(exported):
    folder, _ = exported
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_server_is_scraped_and_its_absence_reaches_a_webhook(exported, start, tmp_path):
    folder, port = exported
    heard: list[dict[str, Any]] = []
    hook = webhook(heard)
    database, manager = free_port(), free_port()
    scrape = (folder / "scrape.yml").read_text().replace("scrape_interval: 15s", "scrape_interval: 1s")
    alerts = CONFIG.replace("scrape_config_files: [scrape.yml]\n", "") % manager
    (folder / "prometheus.yml").write_text(alerts + scrape)
    (folder / "alertmanager.yml").write_text(ROUTES % hook.server_port)
    bundle = make_text_bundle(tmp_path / "bundle")
    server = start(sys.executable, "-m", "modelworks", "serve", str(bundle), "--port", str(port), cwd=tmp_path)
    start(
        "prometheus-alertmanager", "--config.file=alertmanager.yml", f"--web.listen-address=127.0.0.1:{manager}",
        "--cluster.listen-address=", f"--storage.path={tmp_path / 'am'}", cwd=folder,
    )  # fmt: skip
    start(
        "prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{database}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}", cwd=folder,
    )  # fmt: skip

    def ask(query: str) -> list[Any]:
        url = f"http://127.0.0.1:{database}/api/v1/query?query={urllib.parse.quote(query)}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]["result"]

    within(60, lambda: predict(port) and ask('up{job="moods"} == 1'))
    assert within(60, lambda: predict(port) and ask("modelworks:requests:rate5m > 0"))
    assert within(30, lambda: ask("modelworks:latency:p95_5m"))
    assert within(30, lambda: ask("modelworks:errors:ratio5m"))
    server.terminate()
    fired = within(120, lambda: [a for one in heard for a in one["alerts"] if a["labels"]["alertname"] == "ModelDown"])
    assert fired[0]["status"] == "firing"
    hook.shutdown()
    hook.server_close()


def predict(port: int) -> bool:
    body = json.dumps({"text": "fine"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.status == 200


def webhook(heard: list[dict[str, Any]]) -> http.server.ThreadingHTTPServer:
    """A receiver that remembers what it was sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
