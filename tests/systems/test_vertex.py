"""What `export vertex` writes, read by the types of Google's own SDK."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from outside import environment

from modelworks.cli.main import group

pytestmark = pytest.mark.systems
FILES = ("model", "endpoint", "deployed-model", "batch-prediction-job", "custom-job")
REQUESTS = """
import sys; sys.path.insert(0, ".")
import deploy
api = deploy.api
parent = deploy.PARENT
made = [
    api.UploadModelRequest(parent=parent, model=deploy.read("model")),
    api.CreateEndpointRequest(parent=parent, endpoint=deploy.read("endpoint")),
    api.DeployModelRequest(endpoint="e", deployed_model=deploy.read("deployed-model", model="m"),
                           traffic_split=deploy.split({"7": 100}, "0", 10)),
    api.CreateBatchPredictionJobRequest(parent=parent,
                                        batch_prediction_job=deploy.read("batch-prediction-job", model="m")),
    api.CreateCustomJobRequest(parent=parent, custom_job=deploy.read("custom-job")),
]
for one in made:
    assert len(type(one).serialize(one)) > 20
split = dict(made[2].traffic_split)
assert split == {"7": 90, "0": 10}, split
spec = made[0].model.container_spec
print(spec.predict_route, spec.health_route, spec.ports[0].container_port)
"""


@pytest.fixture
def folder(project: Path) -> Path:
    (project / "modelworks.yaml").write_text("name: moods\ntask: sentiment-analysis\ndata: {source: data.csv}\n")
    assert CliRunner().invoke(group, ["export", "vertex"], standalone_mode=False).exception is None
    return project / "deploy" / "vertex"


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(environment("vertex") / "bin" / "python"), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def test_every_file_is_a_message_of_the_sdk(folder):
    done = python(folder, "deploy.py", "check")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == [f"{name}.json: as the SDK has it" for name in FILES]


def test_the_requests_are_made_of_them(folder):
    done = python(folder, "-c", REQUESTS)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["/vertex/predict", "/ping", "8080"]


@pytest.mark.parametrize(("name", "change"), [
    ("model", lambda body: body["containerSpec"].update(predictPath="/x")),  # no such field
    ("deployed-model", lambda body: body["dedicatedResources"].update(minReplicaCount="many")),  # no number
])  # fmt: skip
def test_a_file_that_is_not_right_is_refused(folder, name, change):
    path = folder / f"{name}.json"
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))
    done = python(folder, "deploy.py", "check")
    assert done.returncode != 0
    assert "ParseError" in done.stderr
