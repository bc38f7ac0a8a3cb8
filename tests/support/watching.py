"""A real Prometheus and Alertmanager over exported files, on loopback, with intervals of seconds."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import outside

ROUTES = """\
route: {receiver: hook, group_wait: 1s, group_interval: 1s}
receivers: [{name: hook, webhook_configs: [{url: "http://127.0.0.1:%d/"}]}]
"""


def within(seconds: float, what: Callable[[], Any]) -> Any:
    """The first true value of `what`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if value := what():
                return value
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s")


def ask(database: int, query: str) -> list[Any]:
    """The result of an instant query."""
    url = f"http://127.0.0.1:{database}/api/v1/query?query={urllib.parse.quote(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
        return found


def predict(port: int, text: str = "fine") -> bool:
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status == 200


@contextlib.contextmanager
def model(bundle: Path | str, port: int, folder: Path) -> Iterator[Any]:
    """`modelworks serve`, answering."""
    command = [sys.executable, "-m", "modelworks", "serve", str(bundle), "--port", str(port), "--no-records"]
    with outside.server(command, folder / "serve.log", cwd=folder) as process:
        outside.answers(f"http://127.0.0.1:{port}/readyz", process=process)
        yield process


@contextlib.contextmanager
def prometheus(exported: Path, folder: Path, manager: int = 0) -> Iterator[int]:
    """Prometheus over exported scrape.yml and rules.yml; its port. `manager`: Alertmanager's port. Rules look every
    second and wait two, whatever they say; what they look at stays."""
    scrape = (exported / "scrape.yml").read_text().replace("scrape_interval: 15s", "scrape_interval: 1s")
    rules = re.sub(r"for: \d+m", "for: 2s", (exported / "rules.yml").read_text())
    (folder / "rules.yml").write_text(rules)
    head = "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
    if manager:
        head += f'alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{manager}"]}}]}}]}}\n'
    (folder / "prometheus.yml").write_text(head + scrape)
    port = outside.free_port()
    command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}",
               f"--storage.tsdb.path={folder / 'tsdb'}"]  # fmt: skip
    with outside.server(command, folder / "prometheus.log", cwd=folder) as process:
        outside.answers(f"http://127.0.0.1:{port}/-/ready", process=process)
        yield port


@contextlib.contextmanager
def alertmanager(folder: Path, hook: int) -> Iterator[int]:
    """Alertmanager that tells a webhook; its port."""
    (folder / "alertmanager.yml").write_text(ROUTES % hook)
    port = outside.free_port()
    command = ["prometheus-alertmanager", "--config.file=alertmanager.yml", f"--web.listen-address=127.0.0.1:{port}",
               "--cluster.listen-address=", f"--storage.path={folder / 'alerts'}"]  # fmt: skip
    with outside.server(command, folder / "alertmanager.log", cwd=folder) as process:
        outside.answers(f"http://127.0.0.1:{port}/-/ready", process=process)
        yield port


@contextlib.contextmanager
def webhook(heard: list[dict[str, Any]]) -> Iterator[int]:
    """A receiver that puts the alerts it is sent into `heard`; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.extend(json.loads(self.rfile.read(int(self.headers["content-length"])))["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
