"""`modelworks deploy docker` on a real engine: built once, replaced with a drain, undone, and safe when it fails."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker_engine
import pytest
import yaml
from commands import modelworks
from docker_engine import Engine
from outside import answers, free_port
from tiny_bundles import make_text_bundle

from modelworks.core.errors import StepError

pytestmark = pytest.mark.systems
CONTAINER = "modelworks-moods"


@pytest.fixture
def port(docker: Engine, serving_image: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A project with two bundles that deploys on the session's engine; the port at which it will answer. The serving
    image is asked for so that its layers are there."""
    port = free_port()
    docker_engine.exported(project)
    pip_conf = project / "pip.conf"
    pip_conf.write_text("[global]\nno-index = true\nfind-links = /context\n")
    options = {
        "host": docker.host, "client": docker.client, "port": str(port), "pip_conf": str(pip_conf), "memory": "1g",
        "base": docker_engine.base_image(docker),
    }  # fmt: skip
    settings = yaml.safe_load((project / "modelworks.yaml").read_text())
    (project / "modelworks.yaml").write_text(yaml.safe_dump({**settings, "targets": {"docker": options}}))
    for seed, name in enumerate(("one", "two")):
        make_text_bundle(project / name, seed=seed, name=name)
    yield port
    docker.run("rm", "--force", CONTAINER, f"{CONTAINER}-trial", f"{CONTAINER}-before")


def deploy(*arguments: str) -> Any:
    return modelworks("deploy", "docker", *arguments)


def served(port: int) -> str:
    """The name of the model that answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=10) as answer:
        return str(json.load(answer)["data"][0]["id"])


def test_it_is_deployed_once_replaced_and_undone(docker, port):
    verbs = [change["verb"] for change in deploy("--bundle", "./one", "--plan", "--json")["changes"]]
    assert verbs == ["create", "create"]
    assert docker("ps", "--all", "--quiet", "--filter", f"name={CONTAINER}") == ""
    first = deploy("--bundle", "./one", "--yes", "--json")
    assert first["address"] == f"http://127.0.0.1:{port}"
    assert first["image"].startswith("sha256:")
    assert served(port) == "one"
    assert deploy("--bundle", "./one", "--yes", "--json")["changes"] == []
    second = deploy("--bundle", "./two", "--yes", "--json")
    assert second["before"]["image"] == first["image"]
    assert served(port) == "two"
    deploy("--undo", "--yes")
    assert served(port) == "one"
    assert docker("inspect", "--format", "{{.Config.Image}}", CONTAINER) == first["image"]
    assert deploy("--bundle", "./one", "--plan", "--json")["changes"] == []
    deploy("--undo", "--yes")
    assert docker("ps", "--all", "--quiet", "--filter", f"name={CONTAINER}") == ""


def test_a_deployment_that_fails_leaves_the_old_one_answering(docker, port):
    deploy("--bundle", "./one", "--yes")
    with pytest.raises(StepError, match="the new container is"):  # too little memory to start
        deploy("--bundle", "./two", "--yes", "--set", "memory=12m", "--set", "wait=60")
    assert served(port) == "one"
    with pytest.raises(StepError) as caught:  # an address that this machine does not have
        deploy("--bundle", "./two", "--yes", "--set", "address=203.0.113.7")
    assert "203.0.113.7" in str(caught.value)
    answers(f"http://127.0.0.1:{port}/readyz", 60)  # it was stopped, and goes on
    assert served(port) == "one"
    left = docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"name={CONTAINER}").split()
    assert left == [CONTAINER]


def test_an_engine_that_is_not_there_is_named(port, project):
    with pytest.raises(StepError, match="no Docker engine answers"):
        deploy("--bundle", "./one", "--yes", "--set", f"host=unix://{project}/nothing.sock")
    with pytest.raises(StepError, match="there is no Docker client"):
        deploy("--bundle", "./one", "--plan", "--set", "client=no-such-docker")


def test_a_registry_that_refuses_leaves_nothing_changed(docker, port):
    with pytest.raises(StepError, match="docker push failed"):
        deploy("--bundle", "./one", "--yes", "--set", f"registry=127.0.0.1:{free_port()}/ml")
    assert docker("ps", "--all", "--quiet", "--filter", f"name={CONTAINER}") == ""
