"""`modelworks deploy ray` on a real cluster: the server's answers, replaced, undone, and safe when it fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from commands import modelworks
from outside import free_port
from ray_cluster import Nodes
from record_files import lines
from tiny_bundles import make_text_bundle
from watching import within

from modelworks.bundle import Predictor
from modelworks.cli.main import group
from modelworks.core.errors import StepError
from modelworks.pipeline.store import open_store

pytestmark = pytest.mark.systems
pytest.importorskip("ray.serve", reason="pip install 'modelworks[ray]'")
TEXT = "the film is a very good one"


@pytest.fixture(scope="module")
def port() -> int:
    """Of Serve: a cluster's, set when it first runs."""
    return free_port()


@pytest.fixture
def bundles(ray_nodes: Nodes, port: int, project: Path) -> Iterator[Path]:
    """A project with two bundles that deploys on the cluster. Its nodes are one machine, so one has the proxy."""
    options = {"address": ray_nodes.address, "port": port, "proxies": "HeadOnly", "route": "/moods", "wait": 120}
    settings = {"name": "moods", "task": "sentiment-analysis", "data": {"source": "x.csv"}, "targets": {"ray": options}}
    (project / "modelworks.yaml").write_text(yaml.safe_dump(settings))
    for seed, name in enumerate(("one", "two")):
        make_text_bundle(project / name, seed=seed, name=name)
    yield project
    from modelworks.adapters import _ray

    with _ray.connected(options["address"]):
        from ray import serve

        for name in serve.status().applications:
            serve.delete(name)


@pytest.fixture(scope="module", autouse=True)
def ended(ray_nodes: Nodes) -> Iterator[None]:
    """Serve's processes end with these tests."""
    yield
    from modelworks.adapters import _ray

    with _ray.connected(ray_nodes.address):
        from ray import serve

        serve.shutdown()


def deploy(*arguments: str) -> Any:
    return modelworks("deploy", "ray", *arguments)


def predict(bundle: str) -> Any:
    result = CliRunner().invoke(group, ["predict", "--bundle", bundle, "--json", TEXT], standalone_mode=False)
    return json.loads(result.stdout)


def asked(door: str) -> Any:
    body = json.dumps({"text": TEXT}).encode()
    with urllib.request.urlopen(f"{door}/predict", data=body, timeout=30) as answer:
        return json.load(answer)


def test_it_is_deployed_once_replaced_and_undone(bundles: Path) -> None:
    """A bundle that does not open, and a door that is not the cluster's, leave what answers answering."""
    one, two = predict("./one"), predict("./two")
    assert one != two
    assert [change["verb"] for change in deploy("--bundle", "./one", "--plan", "--json")["changes"]] == ["create"]
    door = deploy("--bundle", "./one", "--yes", "--json")["address"]
    assert door.endswith("/moods")
    assert asked(door) == one
    assert deploy("--bundle", "./one", "--yes", "--json")["changes"] == []
    shutil.copytree("two", "bad")
    with Path("bad/graphs/model.onnx").open("ab") as graph:
        graph.write(b"more")
    with pytest.raises(StepError, match="replicas do not come up") as caught:
        deploy("--bundle", "./bad", "--yes")
    assert "model.onnx" in str(caught.value.seen)
    assert asked(door) == one
    assert deploy("--bundle", "./one", "--plan", "--json")["changes"] == []
    records = Path(".modelworks/records")
    second = deploy("--bundle", "./two", "--yes", "--json", "--set", "replicas=2", "--set", f"records={records}")
    assert second["before"]["bundle"].endswith("/one")
    assert [asked(door) for _ in range(6)] == [two] * 6
    within(30, lambda: len(lines(records)) == 6)
    assert all(line["modelworks"]["prediction"]["value"] == two for line in lines(records))
    deploy("--undo", "--yes")
    assert asked(door) == one
    deploy("--undo", "--yes")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        asked(door)


def test_the_exported_file_runs_where_the_bundle_is_fetched(bundles: Path, ray_nodes: Nodes, port: int) -> None:
    """`serve run` of the file: the replica does not see the folder, and finds the bundle where machines share it."""
    settings = yaml.safe_load(Path("modelworks.yaml").read_text())
    Path("modelworks.yaml").write_text(yaml.safe_dump({**settings, "store": f"file://{bundles}/shared"}))
    identity = Predictor.open(Path("one")).id
    open_store(bundles, f"file://{bundles}/shared").share("bundles", identity, Path("one"))
    given = ("--set", f"id={identity}", "--set", "bundle=/nowhere", "--set", "host=127.0.0.1")
    result = CliRunner().invoke(group, ["export", "ray", *given], standalone_mode=False)
    assert result.exception is None, result.exception
    command = [Path(sys.executable).with_name("serve"), "run", "--address", ray_nodes.address, "--non-blocking"]
    run = subprocess.run([*command, "deploy/ray/serve.yaml"], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    until = time.monotonic() + 120
    while not _ready(port) and time.monotonic() < until:
        time.sleep(0.2)
    assert asked(f"http://127.0.0.1:{port}/moods") == predict("./one")


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/moods/readyz", timeout=10):
            return True
    except OSError:
        return False


def test_a_cluster_that_is_away_says_so(bundles: Path) -> None:
    with pytest.raises(StepError, match="no Ray cluster answers"):
        deploy("--bundle", "./one", "--yes", "--set", f"address=127.0.0.1:{free_port()}")
