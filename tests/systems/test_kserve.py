"""KServe's own server runs a bundle by the exported model.py: V2 answers as in process, faults told."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from outside import ROOT, answers, environment, free_port, server
from tiny_bundles import make_text_bundle

from modelworks import kinds
from modelworks.bundle import Predictor
from modelworks.cli.main import group
from modelworks.kinds import Text

pytestmark = pytest.mark.systems
TEXTS = ["a wonderful film", "dull"]


@pytest.fixture
def address(project: Path) -> Iterator[str]:
    (project / "modelworks.yaml").write_text("name: moods\ntask: sentiment-analysis\ndata: {source: x.csv}\n")
    CliRunner().invoke(group, ["export", "kserve"], standalone_mode=False)
    make_text_bundle(project / "one", name="moods")
    port = free_port()
    python = environment("kserve") / "bin" / "python"
    command = [python, project / "deploy/kserve/model.py", "--bundle", project / "one", "--http_port", str(port),
               "--enable_grpc", "false"]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with server(command, project / "kserve.log", env=env) as process:
        try:
            answers(f"http://127.0.0.1:{port}/v2/models/moods/ready", 180, process)
        except BaseException:
            print((project / "kserve.log").read_text()[-3000:])
            raise
        yield f"http://127.0.0.1:{port}/v2/models/moods"


def infer(address: str, name: str, data: list[str]) -> dict:
    tensor = {"name": name, "shape": [len(data)], "datatype": "BYTES", "data": data}
    request = urllib.request.Request(
        f"{address}/infer", json.dumps({"id": "1", "inputs": [tensor]}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_it_answers_as_in_process_and_tells_what_it_does_not_take(address, project):
    [output] = infer(address, "text", TEXTS)["outputs"]
    predictor = Predictor.open(project / "one")
    assert output["data"] == [kinds.encode(p).decode() for p in predictor.predict([Text(text) for text in TEXTS])]
    with pytest.raises(urllib.error.HTTPError) as caught:
        infer(address, "image", TEXTS)
    assert caught.value.code == 400
    assert "one tensor text of BYTES" in caught.value.read().decode()
    assert infer(address, "text", TEXTS)["outputs"] == [output]
