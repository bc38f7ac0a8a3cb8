"""The scoring script of the target azureml. It is text here, since it runs in another environment and reads bundles,
which adapters do not."""

SCORE = '''\
"""What Azure ML's inference server calls: init() once, then run() with a request, or with a batch's list of files.

A request is one input as JSON or {"inputs": [...]}; the answer is the prediction or {"predictions": [...]}, as the
server of modelworks gives. A file of a batch is one input in bare bytes, or lines of JSON (.jsonl).
"""

import json
import os
from pathlib import Path

from modelworks import kinds
from modelworks.bundle import Predictor
from modelworks.core.errors import ModelworksError

predictor = None


def init():
    """Open the bundle among the model's files: a folder with a manifest, or a .zip."""
    global predictor
    root = Path(os.environ["AZUREML_MODEL_DIR"])
    found = [*(path.parent for path in sorted(root.rglob("manifest.json"))), *sorted(root.rglob("*.zip"))]
    if not found:
        raise FileNotFoundError(f"there is no bundle in {root}")
    predictor = Predictor.open(found[0])


def run(data):
    """The answer to a request, or a line of JSON for each input of the files of a mini-batch."""
    if isinstance(data, list):
        return [line for path in data for line in lines(Path(path))]
    try:
        value = json.loads(data)
        batch = isinstance(value, dict) and set(value) == {"inputs"}
        found = answers([json.dumps(one).encode() for one in (value["inputs"] if batch else [value])])
    except ModelworksError as error:
        return refused(error.to_dict(), getattr(error, "status", 500))
    except ValueError as error:
        return refused({"error": "request", "message": f"the body is not JSON: {error}"}, 400)
    return {"predictions": found} if batch else found[0]


def answers(bodies):
    inputs = [kinds.decode(predictor.manifest.input, body, f"input {number}") for number, body in enumerate(bodies)]
    return [json.loads(kinds.encode(one)) for one in predictor.predict(inputs)]


def lines(path):
    kind, data = predictor.manifest.input, path.read_bytes()
    if path.suffix == ".jsonl":
        rows = enumerate(data.splitlines(), 1)
        inputs = [kinds.decode(kind, row, f"{path.name} line {number}") for number, row in rows if row.strip()]
    else:
        inputs = [kinds.KINDS[kind].raw(data)]
    return [kinds.encode(one).decode() for one in predictor.predict(inputs)]


def refused(told, status):
    """A request that is not right is no fault of the model."""
    from azureml_inference_server_http.api.aml_response import AMLResponse

    return AMLResponse(told, status, json_str=True)
'''
