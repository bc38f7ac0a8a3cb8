"""The serving image as SageMaker and Vertex AI start it: by hand, by Amazon's local mode, by Google's SDK."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from docker_engine import Engine
from moto_aws import moto
from outside import answers, environment, free_port
from tiny_bundles import make_text_bundle

from modelworks import kinds
from modelworks.bundle import Predictor, pack
from modelworks.cli.main import group
from modelworks.kinds import Text

pytestmark = pytest.mark.systems
TEXTS = ["a good film", "bad"]
LINES = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_text_bundle(tmp_path_factory.mktemp("cloud") / "bundle")


@pytest.fixture(scope="module")
def expected(bundle: Path) -> list[bytes]:
    return [kinds.encode(one) for one in Predictor.open(bundle).predict([Text(text) for text in TEXTS])]


@pytest.fixture
def started(docker: Engine, serving_image: str) -> Iterator:
    """started(words…) -> URL of a container of the serving image."""
    names: list[str] = []

    def start(*words: str, command: str = "serve", inside: int = 8080) -> str:
        port = free_port()
        names.append(docker("run", "--detach", *HARDENED, f"--publish=127.0.0.1:{port}:{inside}", *words,
                            serving_image, command))  # fmt: skip
        try:
            answers(f"http://127.0.0.1:{port}/ping", 180)
        except pytest.fail.Exception:
            print(docker.run("logs", names[-1]))
            raise
        return f"http://127.0.0.1:{port}"

    yield start
    docker("rm", "--force", *names)


def post(url: str, body: str, media: str = "application/json") -> bytes:
    request = urllib.request.Request(url, body.encode(), {"Content-Type": media})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_sagemakers_contract(started, bundle, expected, tmp_path, form):
    """The argument `serve`, the model's files in /opt/ml/model and nowhere else, port 8080."""
    words = [f"--volume={bundle}:/opt/ml/model:ro"]
    if form == "zip":
        pack(bundle, tmp_path / "bundle.zip")
        tmp_path.chmod(0o755)
        words = [f"--volume={tmp_path}:/opt/ml/model:ro", "--tmpfs=/tmp"]
    url = started(*words)
    assert post(f"{url}/invocations", '{"text": "a good film"}') == expected[0]
    assert post(f"{url}/invocations", LINES, "application/jsonlines").splitlines() == expected
    assert post(f"{url}/invocations", "bad", "text/plain") == expected[1]


def _asked(system: str, code: str, given: dict, env: dict[str, str]) -> dict:
    """What a piece of Python of another environment prints last, as JSON."""
    python = environment(system) / "bin" / "python"
    done = subprocess.run([python, "-c", code], input=json.dumps(given), capture_output=True, text=True, timeout=400,
                          env={**os.environ, **env})  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1])


AMAZON = """
import json, sys, boto3
from sagemaker.core.local.local_session import LocalSession
given = json.load(sys.stdin)
session = LocalSession(boto_session=boto3.Session(region_name="us-east-1"))
session.config = {"local": {"local_code": True, "serving_port": given["port"], "container_root": given["root"]}}
client = session.sagemaker_client
client.create_model(ModelName="moods", PrimaryContainer={
    "Image": given["image"], "ModelDataUrl": "file://" + given["model"], "Environment": {}})
client.create_endpoint_config("moods", [{
    "VariantName": "one", "ModelName": "moods", "InstanceType": "local", "InitialInstanceCount": 1}])
client.create_endpoint("moods", "moods")
try:
    status = client.describe_endpoint("moods")["EndpointStatus"]
    ask = session.sagemaker_runtime_client.invoke_endpoint
    bodies = [ask(body, "moods", media)["Body"].read().decode() for body, media in given["asked"]]
finally:
    client.delete_endpoint("moods")
print()
print(json.dumps({"status": status, "bodies": bodies}))
"""


def test_amazons_local_mode_starts_it_and_asks_it(docker, serving_image, bundle, expected, tmp_path):
    (tmp_path / "moto").mkdir()
    with moto(tmp_path / "moto") as emulation:
        given = {
            "image": serving_image, "model": str(bundle), "port": free_port(), "root": str(tmp_path),
            "asked": [['{"text": "a good film"}', "application/json"], [LINES, "application/jsonlines"]],
        }  # fmt: skip
        env = {**emulation.environ(), "DOCKER_HOST": docker.host, "HOME": str(tmp_path)}
        found = _asked("sagemaker-local", AMAZON, given, env)
    assert found["status"] == "InService"
    assert found["bodies"][0].encode() == expected[0]
    assert found["bodies"][1].encode().splitlines() == expected
    assert docker("ps", "--quiet", "--filter", f"ancestor={serving_image}") == ""


GOOGLE = """
import json, sys
from google.cloud.aiplatform.prediction import LocalModel
given = json.load(sys.stdin)
spec = given["model"]["containerSpec"]
model = LocalModel(
    serving_container_image_uri=given["image"], serving_container_predict_route=spec["predictRoute"],
    serving_container_health_route=spec["healthRoute"], serving_container_ports=[given["port"]])
with model.deploy_to_local_endpoint(artifact_uri=given["artifacts"], container_ready_timeout=180) as endpoint:
    health = endpoint.run_health_check().status_code
    answer = endpoint.predict(request=json.dumps(given["asked"]), headers={"Content-Type": "application/json"})
    wrong = endpoint.predict(request=json.dumps({"instances": [{"txt": 1}]}), headers={})
print()
print(json.dumps({"health": health, "status": answer.status_code, "body": answer.text, "wrong": wrong.status_code}))
"""


def test_googles_sdk_starts_it_and_asks_it(docker, serving_image, bundle, expected, project):
    """At a port and paths that only Vertex's variables say, with the bundle where AIP_STORAGE_URI points."""
    (project / "modelworks.yaml").write_text("name: moods\ntask: sentiment-analysis\ndata: {source: data.csv}\n")
    assert CliRunner().invoke(group, ["export", "vertex"], standalone_mode=False).exception is None
    model = json.loads((project / "deploy" / "vertex" / "model.json").read_text())
    given = {
        "image": serving_image, "model": model, "port": 8091, "artifacts": str(bundle),
        "asked": {"instances": [{"text": TEXTS[0]}, TEXTS[1]], "parameters": {}},
    }  # fmt: skip
    found = _asked("vertex", GOOGLE, given, {"DOCKER_HOST": docker.host})
    assert (found["health"], found["status"], found["wrong"]) == (200, 200, 422)
    assert found["body"].encode() == b'{"predictions":[' + b",".join(expected) + b"]}"
    assert docker("ps", "--quiet", "--filter", f"ancestor={serving_image}") == ""
