"""The Elasticsearch sink against a peer that answers whatever a test wants: busy, refusing, slow, rubbish."""

from __future__ import annotations

import gzip
import http.server
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modelworks.adapters.sinks.elasticsearch import SINK
from modelworks.contracts import sink as contract
from modelworks.contracts.sink import Document, SinkError
from modelworks.core.errors import ConfigError

BATCH = [Document(f"id-{number}", b'{"number": %d}' % number) for number in range(3)]


class Peer:
    """Answers with `status` and `body` after `delay`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.delay, self.kind = 200, b"{}", 0.0, "application/json"
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                head = {key.lower(): value for key, value in self.headers.items()}
                peer.asked.append((self.command, self.path, head, body))
                time.sleep(peer.delay)
                self.send_response(peer.status)
                self.send_header("content-type", peer.kind)
                self.end_headers()
                self.wfile.write(peer.body)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def items(self, *items: dict[str, Any]) -> None:
        self.body = json.dumps({"took": 1, "errors": True, "items": [{"create": item} for item in items]}).encode()


@pytest.fixture
def peer() -> Iterator[Peer]:
    found = Peer()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def door(peer, monkeypatch):
    monkeypatch.setenv("ELASTICSEARCH_API_KEY", "a2V5")
    opened = SINK.open("My-Moods", contract.settled("elasticsearch", {"url": peer.url + "/es", "seconds": 1}))
    yield opened
    opened.close()


def test_a_batch_is_created_in_the_projects_data_stream_under_its_ids(peer, door):
    peer.items({"status": 201}, {"status": 201}, {"status": 409, "error": {"type": "version_conflict"}})
    outcome = door.send(BATCH)
    assert (outcome.refused, outcome.again, outcome.known) == ({}, (), 1)
    method, path, headers, body = peer.asked[0]
    assert (method, path) == ("POST", "/es/logs-modelworks.records-my_moods/_bulk?require_data_stream=true")
    assert headers["authorization"] == "ApiKey a2V5"
    lines = [json.loads(line) for line in body.decode().splitlines()]
    assert lines[::2] == [{"create": {"_id": one.id}} for one in BATCH]
    assert lines[1::2] == [{"number": number} for number in range(3)]


def test_what_is_refused_for_itself_and_what_is_to_be_tried_again(peer, door):
    cause = {"type": "illegal_argument_exception", "reason": "no date"}
    bad = {"type": "document_parsing_exception", "reason": "failed to parse", "caused_by": cause}
    busy = {"type": "es_rejected_execution_exception", "reason": "queue full"}
    peer.items({"status": 400, "error": bad}, {"status": 429, "error": busy}, {"status": 201})
    outcome = door.send(BATCH)
    assert dict(outcome.refused) == {0: "document_parsing_exception: failed to parse (no date)"}
    assert outcome.again == (1,)
    assert "queue full" in outcome.reason


def test_a_fault_of_the_index_is_no_fault_of_the_documents(peer, door):
    closed = {"status": 400, "error": {"type": "index_closed_exception", "reason": "closed"}}
    peer.items(closed, closed, closed)
    outcome = door.send(BATCH)
    assert (dict(outcome.refused), outcome.again) == ({}, (0, 1, 2))


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "ELASTICSEARCH_API_KEY"), (403, "create_doc"), (404, "setup"), (413, "max_content"), (503, "")],
)
def test_a_whole_answer_that_is_no_is_an_error_that_says_what_to_do(peer, door, status, hint):
    peer.status = status
    with pytest.raises(SinkError, match=f"answered {status}") as caught:
        door.send(BATCH)
    assert hint in caught.value.hint
    assert caught.value.too_large == (status == 413)
    assert len(peer.asked) == 1, "trying again is not the sink's business"


@pytest.mark.parametrize("status", [403, 404])
def test_documents_that_nobody_may_write_are_kept(peer, door, status):
    item = {"status": status, "error": {"type": "some_exception", "reason": "no"}}
    peer.items(item, item, item)
    with pytest.raises(SinkError, match="takes no documents") as caught:
        door.send(BATCH)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<html>a proxy's page</html>"),
        ("application/json", b'{"items": '),
        ("application/json", b"{}"),
        ("application/json", b"[1]"),
        ("application/json", b'{"items": [1, 2, 3]}'),
        ("application/json", b'{"items": [{"create": {"status": 201}}]}'),
        ("application/json", b""),
        ("application/octet-stream", b"\xff\x00"),
    ],
)
def test_rubbish_is_an_error_and_no_document_counts_as_arrived(peer, door, kind, body):
    peer.kind, peer.body = kind, body
    with pytest.raises(SinkError):
        door.send(BATCH)


def test_an_answer_that_does_not_come_is_an_error_in_time(peer, door):
    peer.delay = 3
    start = time.monotonic()
    with pytest.raises(SinkError, match="cannot be asked"):
        door.send(BATCH)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    ("body", "state", "seen"),
    [
        (b'{"version": {"number": "8.19.21"}}', "ok", "8.19"),
        (b'{"version": {"number": "9.1.0"}}', "ok", "9.1"),
        (b'{"version": {"number": "7.17.0"}}', "fault", "7.17"),
        (b'{"version": {"number": "new"}}', "fault", "not as Elasticsearch"),
        (b'{"hello": 1}', "fault", "not as Elasticsearch"),
        (b"[]", "fault", "not as Elasticsearch"),
    ],
)
def test_doctor_asks_for_the_version(peer, body, state, seen):
    peer.body = body
    found = SINK.check("moods", contract.settled("elasticsearch", {"url": peer.url}))
    assert found.state == state
    assert seen in found.seen


def test_a_plain_index_needs_no_data_stream(peer):
    peer.items({"status": 201}, {"status": 201}, {"status": 201})
    SINK.open("moods", contract.settled("elasticsearch", {"url": peer.url, "index": "answers"})).send(BATCH)
    assert peer.asked[0][1] == "/answers/_bulk"


@pytest.mark.parametrize("url", ["127.0.0.1:9200", "ftp://h", "http://"])
def test_an_address_that_is_none(url):
    with pytest.raises(ConfigError, match="not an address"):
        SINK.open("moods", contract.settled("elasticsearch", {"url": url}))


def test_a_certificate_is_verified_and_an_authority_of_ones_own_can_be_named(peer, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", key, "-out", certificate, "-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    peer.server.socket = context.wrap_socket(peer.server.socket, server_side=True)
    peer.items({"status": 201}, {"status": 201}, {"status": 201})
    options = {"url": peer.url.replace("http:", "https:"), "seconds": 5}
    with pytest.raises(SinkError, match="CERTIFICATE_VERIFY_FAILED"):
        SINK.open("moods", contract.settled("elasticsearch", options)).send(BATCH)
    assert not peer.asked
    SINK.open("moods", contract.settled("elasticsearch", {**options, "ca": str(certificate)})).send(BATCH)
    assert len(peer.asked) == 1
