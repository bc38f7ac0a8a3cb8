"""Open Inference Protocol V2 over REST."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from tiny_bundles import picture

from modelworks import kinds
from modelworks.kinds import Text

INFER = "/v2/models/tiny/infer"


def infer(ask, bundle, request, path=INFER):
    (response,) = ask(bundle, [("POST", path, msgspec.json.encode(request))])
    return response.status, json.loads(response.body)


def tensor(data, **changes):
    return {"name": "text", "shape": [len(data)], "datatype": "BYTES", "data": data} | changes


def test_metadata(ask, text_bundle, predictor):
    version = predictor.id[:12]
    server, model, ready = ask(
        text_bundle, [("GET", "/v2"), ("GET", "/v2/models/tiny"), ("GET", f"/v2/models/tiny/versions/{version}/ready")]
    )
    assert json.loads(server.body)["name"] == "modelworks"
    found = json.loads(model.body)
    assert found["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert [output["name"] for output in found["outputs"]] == ["prediction", "label", "score"]
    assert found["versions"] == [version]
    assert ready.status == 200


def test_inference(ask, text_bundle, predictor):
    texts = ["a good film", "bad"]
    status, body = infer(ask, text_bundle, {"id": "7", "inputs": [tensor(texts)]})
    assert status == 200
    assert (body["model_name"], body["model_version"], body["id"]) == ("tiny", predictor.id[:12], "7")
    prediction, label, score = body["outputs"]
    expected = predictor.predict([Text(text) for text in texts])
    assert [text.encode() for text in prediction["data"]] == [kinds.encode(p) for p in expected]
    assert (label["datatype"], label["data"]) == ("BYTES", [p.label for p in expected])
    assert (score["datatype"], score["data"]) == ("FP64", [p.score for p in expected])
    assert all(output["shape"] == [2] for output in body["outputs"])


def test_a_column_of_texts_and_chosen_outputs(ask, text_bundle):
    request = {"inputs": [tensor([["a"], ["b"]], shape=[2, 1])], "outputs": [{"name": "label"}], "parameters": {"x": 1}}
    status, body = infer(ask, text_bundle, request)
    assert status == 200
    assert [output["name"] for output in body["outputs"]] == ["label"]


def test_pictures_are_base64(ask, image_bundle):
    data = [base64.b64encode(picture(seed)).decode() for seed in range(2)]
    request = {"inputs": [tensor(data, name="image")]}
    status, body = infer(ask, image_bundle, request, "/v2/models/tiny-image/infer")
    assert status == 200
    assert len(body["outputs"][0]["data"]) == 2


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "one input tensor"),
        ({"inputs": [tensor(["a"], name="other")]}, "other"),
        ({"inputs": [tensor(["a"], datatype="FP32")]}, "BYTES"),
        ({"inputs": [tensor(["a"], shape=[2])]}, "shape"),
        ({"inputs": [tensor(["a"], shape=[1, 2])]}, "shape"),
        ({"inputs": [tensor([3])]}, "data"),
        ({"inputs": [tensor(["a"])], "outputs": [{"name": "boxes"}]}, "boxes"),
    ],
)
def test_wrong_requests_get_the_protocols_error(ask, text_bundle, request_, said):
    status, body = infer(ask, text_bundle, request_)
    assert status == 422
    assert list(body) == ["error"]
    assert said in body["error"]


def test_rubbish_and_wrong_models_get_the_protocols_error_too(ask, text_bundle):
    rubbish, missing = ask(text_bundle, [("POST", INFER, b"{"), ("POST", "/v2/models/none/infer", b"{}")])
    assert (rubbish.status, missing.status) == (400, 404)
    assert list(json.loads(rubbish.body)) == list(json.loads(missing.body)) == ["error"]
