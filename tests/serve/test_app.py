"""Routes, called without a socket over real bundles."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from tiny_bundles import picture

from modelworks import kinds
from modelworks.bundle import Predictor
from modelworks.kinds import Image, Text


def data(response):
    return json.loads(response.body)


def test_one_text_gets_exactly_the_encoded_prediction(ask, text_bundle, predictor):
    (response,) = ask(text_bundle, [("POST", "/predict", b'{"text": "a good film"}')])
    assert response.status == 200
    assert response.media_type == "application/json"
    assert response.body == kinds.encode(predictor.predict([Text("a good film")])[0])
    assert response.headers["x-request-id"]


def test_a_batch_is_answered_in_order(ask, text_bundle, predictor):
    texts = ["good", "bad " * 30, "", "the plot"]
    body = msgspec.json.encode({"inputs": [{"text": text} for text in texts]})
    (response,) = ask(text_bundle, [("POST", "/predict", body)])
    expected = b",".join(map(kinds.encode, predictor.predict([Text(text) for text in texts])))
    assert response.body == b'{"predictions":[' + expected + b"]}"


def test_an_empty_batch_is_answered(ask, text_bundle):
    (response,) = ask(text_bundle, [("POST", "/predict", b'{"inputs": []}')])
    assert (response.status, response.body) == (200, b'{"predictions":[]}')


def test_a_picture_may_come_as_its_bytes_or_as_base64(ask, image_bundle):
    image = picture(7)
    raw, coded = ask(
        image_bundle,
        [
            ("POST", "/predict", image, {b"content-type": b"image/png"}),
            ("POST", "/predict", msgspec.json.encode({"image": base64.b64encode(image).decode()})),
        ],
    )
    assert raw.body == coded.body == kinds.encode(Predictor.open(image_bundle).predict([Image(image)])[0])


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        (b'{"text": "a', 400, "body"),
        (b'{"text": "a"} x', 400, "byte 15"),
        (b"", 400, "body"),
        (b'{"text": "\xff\xfe"}', 400, "utf-8"),
        (b'{"text": 3}', 422, "$.text"),
        (b'{"txt": "a"}', 422, "txt"),
        (b"[]", 422, "$"),
        (b"null", 422, "$"),
        (b'{"inputs": "a"}', 422, "$.inputs"),
        (b'{"inputs": [{"text": "a"}, {"text": 3}]}', 422, "$.inputs[1].text"),
        (b'{"inputs": [{"text": "a"}], "more": 1}', 422, "more"),
    ],
)
def test_wrong_bodies_say_where_and_what(ask, text_bundle, body, status, place):
    (response,) = ask(text_bundle, [("POST", "/predict", body)])
    assert response.status == status
    assert place in response.body.decode()
    assert {"error", "message", "where", "allowed"} <= set(data(response))


def test_half_a_surrogate_pair_is_refused(ask, text_bundle):
    (response,) = ask(text_bundle, [("POST", "/predict", b'{"text": "\\ud83d"}')])
    assert response.status in (400, 422)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (("GET", "/nothing"), 404),
        (("GET", "/v2/models/other"), 404),
        (("GET", "/v2/models/tiny/versions/9"), 404),
        (("POST", "/v2/models/tiny"), 405),
        (("GET", "/predict"), 405),
        (("DELETE", "/metrics"), 405),
        (("POST", "/predict", b"x", {b"content-type": b"text/csv"}), 415),
        (("POST", "/predict", b"x", {b"content-type": b"image/png"}), 415),
    ],
)
def test_wrong_addresses_methods_and_types(ask, text_bundle, request_, status):
    (response,) = ask(text_bundle, [request_])
    assert response.status == status
    assert data(response)["error"]
    assert ("allow" in response.headers) is (status == 405)


def test_a_bad_input_does_not_spoil_its_neighbours(ask, bundle_maker, tmp_path):
    bundle = bundle_maker(tmp_path / "b", limit=60)
    good, bad, again = ask(
        bundle, [("POST", "/predict", msgspec.json.encode({"text": text})) for text in ("good", "x" * 70, "bad")]
    )
    assert (good.status, bad.status, again.status) == (200, 413, 200)
    assert "60" in bad.body.decode()


def test_the_queue_is_bounded(ask, text_bundle):
    many = [("POST", "/predict", b'{"inputs": [{"text": "a"}, {"text": "b"}]}')] * 4
    responses = ask(
        text_bundle, [*many, ("POST", "/predict", b'{"inputs": [' + b'{"text": ""},' * 7 + b'{"text": ""}]}')], queue=6
    )
    assert [r.status for r in responses] == [200, 200, 200, 429, 413]
    assert int(responses[3].headers["retry-after"]) >= 1


def test_timing_is_given_when_asked_for(ask, text_bundle):
    plain, timed = ask(text_bundle, [("POST", p, b'{"text": "a"}') for p in ("/predict", "/predict?timing=1")])
    assert "server-timing" not in plain.headers
    assert all(stage in timed.headers["server-timing"] for stage in ("queue;dur=", "prepare;dur=", "model;dur="))


def test_a_request_id_is_kept_if_it_is_harmless(ask, text_bundle):
    given = [b"abc-1", b"with space", b"x" * 129, b"line\r\nbreak"]
    responses = ask(text_bundle, [("GET", "/livez", b"", {b"x-request-id": g}) for g in given])
    assert responses[0].headers["x-request-id"] == "abc-1"
    assert len({r.headers["x-request-id"] for r in responses}) == 4
    assert all("\r" not in r.headers["x-request-id"] for r in responses)


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/v2/health/live", "/readyz", "/v2/health/ready"])
def test_health_is_told_to_get_and_head(ask, text_bundle, path):
    assert [r.status for r in ask(text_bundle, [("GET", path), ("HEAD", path)])] == [200, 200]


def test_metrics_count_what_was_answered(ask, text_bundle):
    *_, response = ask(
        text_bundle,
        [("POST", "/predict", b'{"text": "a"}'), ("POST", "/predict", b"{"), ("GET", "/metrics")],
    )
    text = response.body.decode()
    assert 'modelworks_requests_total{route="/predict",status="400"} 1.0' in text
    assert 'modelworks_model_info{bundle="' in text
    assert "process_resident_memory_bytes" in text
    from prometheus_client.parser import text_string_to_metric_families

    assert {"modelworks_batch_rows", "modelworks_queue_seconds", "modelworks_length_padded"} <= {
        family.name for family in text_string_to_metric_families(text)
    }


def test_openapi_describes_the_kinds_and_the_docs_load_nothing_from_elsewhere(ask, text_bundle):
    openapi, docs, root = ask(text_bundle, [("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/")])
    document = data(openapi)
    assert {"Text", "Labels", "Scored", "Error", "Inference"} <= set(document["components"]["schemas"])
    assert document["x-modelworks"]["labels"] == ["negative", "neutral", "positive"]
    assert docs.media_type.startswith("text/html")
    for mark in (b"http://", b"https://", b"src=", b"@import", b"<link"):
        assert mark not in docs.body.replace(b"http://www.w3.org/2000/svg", b""), mark
    assert (root.status, root.headers["location"]) == (302, "/docs")


def test_every_route_that_is_described_answers(ask, text_bundle):
    (document,) = ask(text_bundle, [("GET", "/openapi.json")])
    for path, methods in data(document)["paths"].items():
        (response,) = ask(text_bundle, [(next(iter(methods)).upper(), path, b"{}")])
        assert response.status in (200, 422), path
