"""The ASGI face: the same answers behind another server."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import streaming

from modelworks import kinds
from modelworks.core import config
from modelworks.kinds import Text
from modelworks.serve.asgi import Face


def ask(face: Face, *requests: tuple) -> list[httpx.Response]:
    async def go():
        transport = httpx.ASGITransport(app=face)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return list(await asyncio.gather(*(client.request(m, p, **more) for m, p, more in requests)))

    return asyncio.run(go())


def test_the_face_gives_the_same_answers(text_bundle, predictor):
    good, batch, head, missing = ask(
        Face(text_bundle),
        ("POST", "/predict", {"json": {"text": "a good film"}}),
        ("POST", "/predict?timing=1", {"json": {"inputs": [{"text": "bad"}] * 3}}),
        ("HEAD", "/docs", {}),
        ("GET", "/nothing", {}),
    )
    assert good.content == kinds.encode(predictor.predict([Text("a good film")])[0])
    assert "server-timing" in batch.headers
    assert (head.status_code, head.content, int(head.headers["content-length"]) > 100) == (200, b"", True)
    assert missing.status_code == 404


def test_it_can_be_mounted_below_a_path(text_bundle, predictor):
    async def go():
        transport = httpx.ASGITransport(app=Face(text_bundle), root_path="/moods")
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post("/moods/predict", json={"text": "a good film"})

    assert asyncio.run(go()).content == kinds.encode(predictor.predict([Text("a good film")])[0])


def test_a_body_over_the_limit_is_refused(text_bundle):
    (large,) = ask(Face(text_bundle, config.Serve(max_body=100)), ("POST", "/predict", {"content": b"x" * 101}))
    assert large.status_code == 413


@pytest.mark.slow
def test_uvicorn_hosts_it(text_bundle, predictor, tmp_path):
    """What it answered has been written when it has ended."""
    import uvicorn

    face = Face(text_bundle, records=tmp_path / "records")
    server = uvicorn.Server(uvicorn.Config(face, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        found = httpx.post(f"http://127.0.0.1:{port}/predict", json={"text": "bad"}, trust_env=False)
        assert found.content == kinds.encode(predictor.predict([Text("bad")])[0])
    finally:
        server.should_exit = True
        thread.join()
    (written,) = (tmp_path / "records").iterdir()
    assert json.loads(written.read_bytes())["modelworks"]["prediction"]["value"] == found.json()


def test_records_that_are_not_wanted_are_not_written(text_bundle, tmp_path):
    ask(Face(text_bundle, config.Serve(records=False), tmp_path / "no"), ("POST", "/predict", {"json": {"text": "a"}}))
    assert not (tmp_path / "no").exists()


def scripted(face: Face, path: str, body: bytes, stop_after: int | None = None) -> list[dict]:
    """What the face sends for one request whose client goes after some messages."""

    async def go() -> list[dict]:
        sent: list[dict] = []
        left = asyncio.Event()
        given = [{"type": "http.request", "body": body}]

        async def receive() -> dict:
            if given:
                return given.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            sent.append(message)
            if stop_after is not None and len(sent) >= stop_after:
                left.set()

        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}
        await face(scope, receive, send)
        await asyncio.sleep(0.3)
        return sent

    return asyncio.run(go())


def test_streams_and_their_end(tmp_path):
    with streaming.vocabulary():
        face = Face(streaming.make_writer(tmp_path / "bundle"))
        body = {"model": "writer", "prompt": "abc", "max_tokens": 10, "stream": True}
        sent = scripted(face, "/v1/completions", json.dumps(body).encode())
        assert dict(sent[0]["headers"])[b"content-type"] == b"text/event-stream"
        assert b"".join(message["body"] for message in sent[1:]).endswith(b"data: [DONE]\n\n")
        assert [message["more_body"] for message in sent[1:]][-1] is False
        streaming.LOG.clear()
        other = Face(tmp_path / "bundle")
        long = body | {"prompt": "x" * 500, "max_tokens": 500}
        sent = scripted(other, "/v1/completions", json.dumps(long).encode(), stop_after=4)
        assert "closed" in streaming.LOG
        assert "whole" not in streaming.LOG
        assert len(sent) < 100
