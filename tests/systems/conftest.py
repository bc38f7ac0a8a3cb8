"""What several systems' tests share: one Docker engine and one serving image a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker_engine
import pytest
import ray_cluster
import yaml
from outside import answers, environment, free_port, server


@pytest.fixture(scope="session")
def docker() -> Iterator[docker_engine.Engine]:
    """A Docker engine: the one at $DOCKER_HOST, or one of the session's own."""
    with docker_engine.running() as engine:
        yield engine


@pytest.fixture(scope="session")
def serving_context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """deploy/docker of an exported project, with the wheels of this checkout."""
    return docker_engine.exported(tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="session")
def serving_image(docker: docker_engine.Engine, request: pytest.FixtureRequest) -> str:
    """The name of the serving image, without a model: mount a bundle at /bundle."""
    return docker_engine.serving(docker, lambda: request.getfixturevalue("serving_context"))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real registry of images on loopback; host:port."""
    environment("docker")
    port = free_port()
    settings = {
        "version": 0.1, "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }  # fmt: skip
    (tmp_path / "registry.yml").write_text(yaml.safe_dump(settings))
    with server(["docker-registry", "serve", tmp_path / "registry.yml"], tmp_path / "registry.log") as process:
        answers(f"http://127.0.0.1:{port}/v2/", 60, process)
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="session")
def ray_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ray_cluster.Nodes]:
    """A Ray cluster of a head without cores and two workers."""
    with ray_cluster.running(tmp_path_factory.mktemp("cache")) as found:
        yield found
