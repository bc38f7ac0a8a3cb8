"""Run by the Python of environments/sagemaker: moto (the emulation of AWS), with what it lacks and with faults.

    moto_front.py PORT FOLDER

moto has no UpdateEndpoint: here it takes the configuration's variants. FOLDER/faults.json is read at each request:
    {"ACTION": [times, code]}        this action is refused so many times
    {"create": REASON}               new endpoints come up as Failed
    {"update": REASON}               an update is rolled back, as SageMaker does
    {"forward": URL}                 invocations go to a real server there
FOLDER/calls.jsonl gets a line a request: the action and its body.
"""

from __future__ import annotations

import io
import json
import sys
import urllib.request
from pathlib import Path

from moto.core.responses import ActionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sagemaker.models import FakeEndpoint, SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse
from werkzeug.serving import run_simple

FOLDER = Path(sys.argv[2])
counts: dict[str, int] = {}


def faults() -> dict:
    path = FOLDER / "faults.json"
    return json.loads(path.read_text()) if path.exists() else {}


def update_endpoint(self: SageMakerResponse) -> ActionResult:
    name, config = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
    backend = self.sagemaker_backend
    backend.describe_endpoint(name)  # refuses one that is not there
    variants = backend.describe_endpoint_config(config)["ProductionVariants"]
    endpoint = backend.endpoints[name]
    endpoint.failure_reason = faults().get("update")
    if not endpoint.failure_reason:
        endpoint.endpoint_config_name = config
        endpoint.production_variants = endpoint._process_production_variants(variants)
    return ActionResult({"EndpointArn": endpoint.arn})


def create_endpoint(self: SageMakerModelBackend, *given, **named) -> FakeEndpoint:
    endpoint = create(self, *given, **named)
    if reason := faults().get("create"):
        endpoint.endpoint_status, endpoint.failure_reason = "Failed", reason
    return endpoint


create = SageMakerModelBackend.create_endpoint
SageMakerModelBackend.create_endpoint = create_endpoint
SageMakerResponse.update_endpoint = update_endpoint


class Front:
    """WSGI: writes calls down, refuses those that are to be refused, passes the rest to moto."""

    def __init__(self, app) -> None:
        self.app = app

    def __call__(self, environ, start_response):
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if environ["PATH_INFO"].endswith("/invocations"):
            action = "InvokeEndpoint"
        if not action:
            return self.app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        variant = environ.get("HTTP_X_AMZN_SAGEMAKER_TARGET_VARIANT", "")
        with (FOLDER / "calls.jsonl").open("a") as file:
            file.write(json.dumps({"action": action, "body": body.decode(), "variant": variant}) + "\n")
        wanted = faults()
        times, code = wanted.get(action, (0, ""))
        if counts.setdefault(f"{action} {code}", 0) < times:
            counts[f"{action} {code}"] += 1
            start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
            return [json.dumps({"__type": code, "message": f"{action} is refused"}).encode()]
        if action == "InvokeEndpoint" and "forward" in wanted:
            return self.forward(wanted["forward"], body, environ["CONTENT_TYPE"], start_response)
        return self.app(environ, start_response)

    def forward(self, url: str, body: bytes, media: str, start_response):
        asked = urllib.request.Request(f"{url}/invocations", body, {"Content-Type": media})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            start_response("200 OK", [("Content-Type", answer.headers["Content-Type"])])
            return [answer.read()]


if __name__ == "__main__":
    app = Front(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True)
