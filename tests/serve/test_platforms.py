"""What SageMaker and Vertex AI ask of a container, without one."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from outside import answers, free_port
from tiny_bundles import picture

from modelworks import kinds
from modelworks.bundle import Predictor, pack
from modelworks.core import config
from modelworks.core.errors import ConfigError
from modelworks.kinds import Image, Text
from modelworks.serve.app import App
from modelworks.serve.message import Pending, Request, Response
from modelworks.serve.models import Models, Source
from modelworks.serve.stats import Stats
from modelworks.serve.surroundings import Platform, bundle_in, platform

VERTEX = {"AIP_HTTP_PORT": "8085", "AIP_HEALTH_ROUTE": "/healthy", "AIP_PREDICT_ROUTE": "/predict"}
LINES = {b"content-type": b"application/jsonlines"}


def ask(bundle: Path, method: str, path: str, body: bytes = b"", headers: dict[bytes, bytes] | None = None,
        environ: dict[str, str] | None = None, **settings: object) -> Response:  # fmt: skip
    async def one() -> Response:
        stats = Stats()
        app = App(Models(Source(bundle), config.Serve(**settings), stats), stats,
                  platform=platform(environ or {}, Path("/nowhere")))  # fmt: skip
        result = app(Request(method, path, "", headers or {}, body))
        return await result if isinstance(result, Pending) else result

    return asyncio.run(one())


def test_sagemaker_pings_and_invokes_as_predict(text_bundle, image_bundle, predictor):
    assert ask(text_bundle, "GET", "/ping").status == 200
    expected = kinds.encode(predictor.predict([Text("a good film")])[0])
    for media, body in ((b"application/json", b'{"text": "a good film"}'), (b"text/plain", b"a good film")):
        assert ask(text_bundle, "POST", "/invocations", body, {b"content-type": media}).body == expected
    shown = Predictor.open(image_bundle).predict([Image(picture(3))])[0]
    for media in (b"image/png", b"application/x-image"):
        found = ask(image_bundle, "POST", "/invocations", picture(3), {b"content-type": media})
        assert found.body == kinds.encode(shown)
    assert ask(text_bundle, "POST", "/invocations", b"a,b", {b"content-type": b"text/csv"}).status == 415


def test_sagemaker_lines_in_are_lines_out(text_bundle, predictor):
    texts = ["a good film", "bad", "the plot"]
    body = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts) + b"\n"
    found = ask(text_bundle, "POST", "/invocations", body, LINES)
    assert (found.status, found.media_type) == (200, "application/jsonlines")
    assert found.body.splitlines() == [kinds.encode(one) for one in predictor.predict([Text(text) for text in texts])]


@pytest.mark.parametrize(("body", "status", "where"), [
    (b'{"text": "a"}\n{"text": 3}\n', 422, "line 2 $.text"),
    (b'{"text": "a"}\n{"text"\n', 400, "line 2"),
    (b"\n \n", 422, "body"),
])  # fmt: skip
def test_sagemaker_a_bad_line_is_named(text_bundle, body, status, where):
    found = ask(text_bundle, "POST", "/invocations", body, LINES)
    assert (found.status, json.loads(found.body)["where"]) == (status, where)


def test_sagemaker_is_told_how_batch_transform_may_ask(text_bundle):
    found = json.loads(ask(text_bundle, "GET", "/execution-parameters", max_body=6 << 20).body)
    assert (found["MaxPayloadInMB"], found["BatchStrategy"]) == (6, "MULTI_RECORD")
    assert found["MaxConcurrentTransforms"] >= 1


def test_vertex_asks_at_its_own_paths(text_bundle, image_bundle, predictor):
    assert ask(text_bundle, "GET", "/healthy", environ=VERTEX).status == 200
    assert ask(text_bundle, "GET", "/healthy").status == 404
    body = json.dumps({"instances": [{"text": "a good film"}, "bad"], "parameters": {}}).encode()
    found = ask(text_bundle, "POST", "/predict", body, environ=VERTEX)
    expected = predictor.predict([Text("a good film"), Text("bad")])
    assert found.body == b'{"predictions":[' + b",".join(map(kinds.encode, expected)) + b"]}"
    one = json.dumps({"instances": [{"image": base64.b64encode(picture(3)).decode()}]}).encode()
    found = ask(image_bundle, "POST", "/predict", one, environ=VERTEX)
    assert json.loads(found.body)["predictions"][0]["label"]


@pytest.mark.parametrize(("body", "status", "where"), [
    ({"instances": [{"text": "a"}, {"txt": "b"}]}, 422, "$.instances[1]"),
    ({"instances": [3]}, 422, "$.instances[0] $.text"),
    ({"instances": ["a"], "parameters": {"colour": 1}}, 422, "$.instances[0]"),
    ({"inputs": ["a"]}, 422, "body"),
    ({"instances": "a"}, 422, "body $.instances"),
])  # fmt: skip
def test_vertex_a_bad_request_is_told(text_bundle, body, status, where):
    found = ask(text_bundle, "POST", "/predict", json.dumps(body).encode(), environ=VERTEX)
    assert (found.status, json.loads(found.body)["where"]) == (status, where)


def test_vertex_parameters_are_fields_of_every_instance(text_bundle, predictor):
    body = {"instances": ["a good film"], "parameters": {"tokens": [[0, 1]]}}
    found = ask(text_bundle, "POST", "/predict", json.dumps(body).encode(), environ=VERTEX)
    assert json.loads(found.body)["predictions"][0] == json.loads(
        kinds.encode(predictor.predict([Text("a good film", ((0, 1),))])[0])
    )


def test_the_platform_is_known_by_what_it_sets(tmp_path):
    assert platform({}, tmp_path) == Platform()  # an empty folder is no model
    (tmp_path / "x").touch()
    assert platform({}, tmp_path).model == str(tmp_path)
    assert platform({**VERTEX, "AIP_STORAGE_URI": "gs://b/m"}, tmp_path) == Platform(
        8085, "/healthy", "/predict", "gs://b/m"
    )
    assert platform({"SAGEMAKER_BIND_TO_PORT": "9000"}, Path("/nowhere")).port == 9000
    for wrong in ({"AIP_HTTP_PORT": "http"}, {"AIP_HTTP_PORT": "70000"}, {"AIP_PREDICT_ROUTE": "predict"}):
        with pytest.raises(ConfigError):
            platform(wrong, tmp_path)


def test_the_bundle_is_found_among_the_files(text_bundle, tmp_path):
    assert bundle_in(text_bundle) == text_bundle
    with pytest.raises(ConfigError, match="no bundle"):
        bundle_in(tmp_path)
    pack(text_bundle, tmp_path / "bundle.zip")
    assert bundle_in(tmp_path) == tmp_path / "bundle.zip"
    (tmp_path / "other").symlink_to(text_bundle)
    with pytest.raises(ConfigError, match="several bundles"):
        bundle_in(tmp_path)


@pytest.mark.parametrize(("scheme", "form"), [("", "zip"), ("file://", "folder")])
def test_the_command_serves_what_vertex_names(text_bundle, predictor, tmp_path, scheme, form):
    """A folder with a .zip, and a place of an object store, which is copied; not what MODELWORKS_BUNDLE names."""
    port, place = free_port(), text_bundle
    if form == "zip":
        place = tmp_path / "given"
        place.mkdir()
        pack(text_bundle, place / "bundle.zip")
    env = {**os.environ, **VERTEX, "AIP_HTTP_PORT": str(port), "MODELWORKS_BUNDLE": "/nowhere",
           "AIP_STORAGE_URI": f"{scheme}{place}"}  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "modelworks", "serve"], env=env, cwd=tmp_path)
    try:
        answers(f"http://127.0.0.1:{port}/healthy", 120, process)
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/predict", b'{"instances": ["bad"]}')
        with urllib.request.urlopen(asked, timeout=30) as answer:
            found = json.load(answer)["predictions"][0]
        assert found == json.loads(kinds.encode(predictor.predict([Text("bad")])[0]))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
