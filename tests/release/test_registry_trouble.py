"""MLflow's address holds something else: nothing there, one that never answers, one that answers rubbish."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import outside
import pytest
from tiny_bundles import make_text_bundle

from modelworks.adapters.registries.mlflow import REGISTRY
from modelworks.core import paths
from modelworks.stages.release import outbox, pending, sync

pytestmark = pytest.mark.slow


class Rubbish(http.server.BaseHTTPRequestHandler):
    status, body = 200, b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_PUT = do_PATCH = do_POST

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def rubbish(status: int, body: bytes) -> Iterator[str]:
    handler = type("Handler", (Rubbish,), {"status": status, "body": body})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextlib.contextmanager
def silence() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")


def tell(project: Path, uri: str) -> outbox.Entry:
    """What is left of one delivery."""
    if not paths.bundle(project, "b" * 64).exists():
        make_text_bundle(paths.bundle(project, "b" * 64))
    outbox.put(
        project,
        outbox.Entry(
            key="k" * 64, registry="mlflow", uri=uri, project="p", metrics={"f1": 0.5}, bundle="b" * 64,
            channel="champion",
        ),
    )  # fmt: skip
    (failed,) = sync(project)
    assert pending(project) == [failed]
    return failed


def test_nothing_there(project: Path) -> None:
    failed = tell(project, f"http://nobody:secret@127.0.0.1:{outside.free_port()}")
    assert not failed.refused
    assert failed.error.startswith("MLflow did not take it")
    assert failed.error.endswith("modelworks release sync")


def test_one_that_never_answers(project: Path) -> None:
    with silence() as uri:
        failed = tell(project, uri)
    assert "timed out" in failed.error.lower()
    assert uri in failed.error


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"{}"),
        (200, b""),
        (200, b"<html>Welcome</html>"),
        (200, b'{"runs": 3, "experiment": []}'),
        (200, b"\xff\x00\x80"),
        (302, b""),
        (404, b"no such page"),
        (500, b'{"error_code": "INTERNAL_ERROR", "message": "database is gone"}'),
        (503, b"<html>down for maintenance</html>"),
    ],
    ids=["{}", "empty", "page", "wrong types", "bytes", "redirect", "404", "500", "503"],
)
def test_one_that_answers_rubbish(project: Path, status: int, body: bytes) -> None:
    with rubbish(status, body) as uri:
        failed = tell(project, uri)
    assert failed.error
    assert not failed.refused


@pytest.mark.parametrize(("status", "words"), [(401, "refuses the credentials"), (403, "may not do that")])
def test_one_that_refuses(project: Path, status: int, words: str) -> None:
    with rubbish(status, b"go away") as uri:
        failed = tell(project, uri)
    assert failed.refused
    assert words in failed.error


def test_the_doctor_is_told_in_seconds(project: Path) -> None:
    with rubbish(200, b"{}") as uri:
        assert REGISTRY.check(uri).state == "fault"
    with rubbish(401, b"go away") as uri:
        found = REGISTRY.check(uri.replace("//", "//nobody:secret@"))
    assert (found.what, found.state) == (f"registry {uri}", "fault")
    assert "credentials" in found.seen
    assert REGISTRY.check(f"sqlite:///{project / 'registry.db'}").state == "ok"
    assert not (project / "registry.db").exists(), "to ask is not to make"
    (project / "broken.db").write_bytes(b"no database at all" * 100)
    assert REGISTRY.check(f"sqlite:///{project / 'broken.db'}").state == "fault"
