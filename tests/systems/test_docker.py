"""The exported Docker files on a real engine: built, linted, hardened, asked, stopped, pushed, run by digest."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker_engine
import pytest
import yaml
from docker_engine import Engine
from outside import answers, environment, free_port
from tiny_bundles import make_image_bundle, make_text_bundle, picture

from modelworks.bundle import Predictor
from modelworks.kinds import Text

pytestmark = pytest.mark.systems
HARDENED = (
    "--read-only",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--user",
    "1000",
    "--memory",
    "1g",
)
MEGABYTE = 1_000_000


def within(seconds: float, what: Callable[[], Any]) -> Any:
    """The first true value of `what`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := what():
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def ask(port: int, body: bytes, media: str = "application/json") -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, {"content-type": media})
    with urllib.request.urlopen(request, timeout=150) as answer:
        return bytes(answer.read())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_text_bundle(tmp_path_factory.mktemp("model") / "bundle")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def baked(docker: Engine, serving_context: Path, serving_image: str, bundle: Path) -> str:
    """The serving image with the bundle inside."""
    shutil.copytree(bundle, serving_context / "bundle", dirs_exist_ok=True)
    return docker_engine.build(docker, serving_context, "moods:1", BUNDLE="bundle", VERSION="1", REVISION="abc")


@pytest.fixture
def start(docker: Engine) -> Iterator[Callable[..., tuple[str, int]]]:
    """Start a hardened container; (its id, its port on loopback)."""
    made: list[str] = []

    def run(image: str, *words: str | Path, then: tuple[str, ...] = ()) -> tuple[str, int]:
        port = free_port()
        made.append(docker("run", "--detach", *HARDENED, "-p", f"127.0.0.1:{port}:8080", *words, image, *then))
        return made[-1], port

    yield run
    docker("rm", "--force", "--volumes", *made)


def state(docker: Engine, container: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", container))
    return told


def healthy(docker: Engine, container: str) -> None:
    def look() -> bool:
        seen = state(docker, container)
        assert seen["Running"], docker.run("logs", container).stderr
        return bool(seen["Health"]["Status"] == "healthy")

    within(120, look)


def test_the_linter_finds_nothing(serving_context):
    linter = environment("docker") / "bin" / "hadolint"
    for name in ("Dockerfile", "Dockerfile.train"):
        done = subprocess.run([linter, "--no-color", serving_context / name], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_is_small_and_holds_no_training(docker, baked):
    assert docker.size(baked) - docker.size(docker_engine.base_image(docker)) < 350 * MEGABYTE
    files = docker("run", "--rm", "--entrypoint", "ls", baked, "/opt/modelworks/lib/python3.11/site-packages")
    assert "onnxruntime" in files.split()
    assert not {"torch", "transformers", "mlflow", "pip", "huggingface_hub"} & set(files.split())


def test_the_image_says_what_it_is(docker, baked):
    told = json.loads(docker("image", "inspect", baked))[0]["Config"]
    assert told["User"] == "1000:1000"
    assert told["StopSignal"] == "SIGTERM"
    assert told["Labels"]["org.opencontainers.image.title"] == "moods"
    assert told["Labels"]["org.opencontainers.image.version"] == "1"
    assert told["Labels"]["org.opencontainers.image.revision"] == "abc"
    assert "8080/tcp" in told["ExposedPorts"]


def test_its_bill_of_materials_is_valid_and_names_what_is_installed(docker, baked, bundle, tmp_path):
    text = docker("run", "--rm", "--entrypoint", "cat", baked, "/usr/share/sbom/modelworks.cdx.json")
    (tmp_path / "sbom.json").write_text(text)
    judge = (
        "import sys; from cyclonedx.validation.json import JsonStrictValidator; from cyclonedx.schema import "
        "SchemaVersion; print(JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read()))"
    )
    python = environment("docker") / "bin" / "python"
    done = subprocess.run([python, "-c", judge, tmp_path / "sbom.json"], capture_output=True, text=True)
    assert done.stdout.strip() == "None", done.stdout + done.stderr
    bill = json.loads(text)["components"]
    asked = "import importlib.metadata as m; print(*[f'{d.name}=={d.version}' for d in m.distributions()])"
    installed = docker("run", "--rm", "--entrypoint", "python", baked, "-c", asked).split()
    named = {f"{part['name']}=={part['version']}" for part in bill if part.get("purl", "").startswith("pkg:pypi/")}
    assert named == set(installed)
    assert any(part["name"] == "libc6" for part in bill)
    manifest = json.loads((bundle / "manifest.json").read_text())
    model = [part for part in bill if part["type"] == "machine-learning-model"]
    assert [part["version"] for part in model] == [manifest["id"]]


def test_a_hardened_container_gets_healthy_and_answers_as_in_process(docker, baked, bundle, start):
    container, port = start(baked)
    healthy(docker, container)
    predictor = Predictor.open(bundle)
    for text in ("a good film", "the plot was not very dull", ""):
        [expected] = predictor.predict([Text(text)])
        answer = json.loads(ask(port, json.dumps({"text": text}).encode()))
        assert answer["label"] == expected.label
        assert answer["score"] == pytest.approx(expected.score, abs=1e-6)
    assert docker("diff", container) == ""  # nothing is written, not even outside of mounts
    assert docker("exec", container, "id", "-u") == "1000"


def test_a_mounted_model_and_one_named_by_the_environment(docker, serving_image, bundle, start, tmp_path):
    pictures = make_image_bundle(tmp_path / "pictures")
    tmp_path.chmod(0o755)
    _, one = start(serving_image, "--volume", f"{bundle}:/bundle:ro", then=("serve",))  # as SageMaker starts it
    named = ("--volume", f"{pictures}:/opt/ml/model:ro", "--env", "MODELWORKS_BUNDLE=/opt/ml/model")
    _, other = start(serving_image, *named)
    for port in (one, other):
        answers(f"http://127.0.0.1:{port}/readyz", 120)
    assert json.loads(ask(one, b'{"text": "fine"}'))["label"]
    assert json.loads(ask(other, picture(), "image/png"))["label"]


def test_a_stopped_container_answers_what_it_had_accepted(docker, baked, start):
    patient = json.dumps({"host": "0.0.0.0", "port": 8080, "records": False, "deadline": 120.0})  # on a busy machine
    container, port = start(baked, "--env", f"MODELWORKS_SERVE={patient}")
    answers(f"http://127.0.0.1:{port}/readyz", 120)
    body = json.dumps({"inputs": [{"text": "a good film " * 100_000}] * 4}).encode()
    got: list[bytes] = []
    asking = threading.Thread(target=lambda: got.append(ask(port, body)))
    asking.start()
    within(30, lambda: in_flight(port))
    docker("stop", "--time", "130", container)
    asking.join(130)
    assert len(json.loads(got[0])["predictions"]) == 4
    assert state(docker, container)["ExitCode"] == 0


def in_flight(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return any(line.startswith("modelworks_inputs_in_flight ") and float(line.split()[1]) > 0 for line in lines)


def test_without_a_model_the_container_ends_and_says_what_is_missing(docker, serving_image, start):
    container, _ = start(serving_image)
    within(60, lambda: not state(docker, container)["Running"])
    seen = state(docker, container)
    assert seen["ExitCode"] == 2
    assert seen["Health"]["Status"] != "healthy"
    assert "there is no bundle '/bundle'" in docker.run("logs", container).stderr


def test_settings_that_make_no_sense_end_the_container(docker, baked, start):
    container, _ = start(baked, "--env", 'MODELWORKS_SERVE={"prt": 1}')
    within(60, lambda: not state(docker, container)["Running"])
    told = docker.run("logs", container).stderr
    assert "MODELWORKS_SERVE" in told
    assert "prt" in told


def test_an_altered_bundle_ends_the_build(docker, serving_context, serving_image, bundle):
    shutil.copytree(bundle, serving_context / "bundle", dirs_exist_ok=True)
    file = serving_context / "bundle" / "tokenizer.json"
    file.write_text(file.read_text().replace("wonderful", "wonderfil"))
    with pytest.raises(AssertionError, match=r"tokenizer\.json"):
        docker_engine.build(docker, serving_context, "moods:altered", BUNDLE="bundle")
    assert docker.run("image", "inspect", "moods:altered").returncode


def test_the_training_image_holds_the_project_and_runs_as_nobody_special(docker, serving_context, serving_image):
    project = serving_context.parents[1]
    (project / ".env").write_text("SECRET=1")
    dockerfile = serving_context / "Dockerfile.train"
    # with the light base alone: torch and all the rest would take minutes
    docker_engine.build(docker, project, "moods-train:1", "--file", dockerfile, REQUIREMENT="modelworks")
    words = ("run", "--rm", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    assert "sentiment-analysis" in docker(*words, "moods-train:1", "tasks")
    seen = docker(*words, "--entrypoint", "sh", "moods-train:1", "-c", "id -u; touch modelworks.lock; ls -A")
    assert seen.split()[0] == "1000"
    assert "modelworks.yaml" in seen
    assert ".env" not in seen


def test_it_is_pushed_to_a_registry_and_run_by_digest(docker, baked, registry, start):
    docker("tag", baked, f"{registry}/moods:1")
    docker("push", f"{registry}/moods:1", seconds=900)  # half a gigabyte is compressed
    [digest] = [d for d in json.loads(docker("image", "inspect", baked))[0]["RepoDigests"] if registry in d]
    with urllib.request.urlopen(f"http://{registry}/v2/moods/manifests/{digest.partition('@')[2]}", timeout=10) as kept:
        assert f"sha256:{hashlib.sha256(kept.read()).hexdigest()}" == digest.partition("@")[2]
    docker("image", "rm", f"{registry}/moods:1")
    docker("pull", digest)
    container, _ = start(digest)
    healthy(docker, container)


def without_name(path: Path) -> Path:
    """A copy beside it for docker-compose 1.29, which knows all of the file but the key `name` of Compose 2."""
    old = path.with_name("compose-1.yaml")
    old.write_text("".join(x for x in path.read_text().splitlines(keepends=True) if not x.startswith("name:")))
    return old


def test_compose_is_valid(serving_context):
    path = serving_context / "compose.yaml"
    checker = environment("docker") / "bin" / "check-jsonschema"
    schema = subprocess.run([checker, "--builtin-schema", "vendor.compose-spec", path], capture_output=True, text=True)
    assert schema.returncode == 0, schema.stdout
    old = without_name(path)
    done = subprocess.run(["docker-compose", "-f", old, "config"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert set(services) == {"model", "mlflow", "prometheus", "grafana"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["mem_limit"]


STAND_IN = """\
FROM {base}
COPY prometheus promtool /bin/
COPY prometheus.yml /etc/prometheus/
RUN mkdir /prometheus
ENTRYPOINT ["prometheus"]
"""


@pytest.fixture
def prometheus_image(docker: Engine, tmp_path: Path) -> str:
    """Debian's Prometheus in an image, laid out as prom/prometheus, which nothing here can pull."""
    environment("prometheus")
    context = tmp_path / "prometheus"
    context.mkdir()
    for name in ("prometheus", "promtool"):
        shutil.copy(shutil.which(name) or "", context / name)
    (context / "prometheus.yml").write_text("")
    (context / "Dockerfile").write_text(STAND_IN.format(base=docker_engine.base_image(docker)))
    docker("build", "--network", "none", "--tag", "modelworks-test/prometheus:1", context)
    return "modelworks-test/prometheus:1"


def test_compose_runs_the_model_and_prometheus_scrapes_it(docker, baked, prometheus_image, tmp_path):
    context = docker_engine.exported(tmp_path / "project", wheels=False, prometheus=prometheus_image)
    ports = {"MODEL_PORT": str(free_port()), "PROMETHEUS_PORT": str(free_port()), "MODEL_IMAGE": baked}
    compose = ["docker-compose", "--file", str(without_name(context / "compose.yaml")), "--project-name", "moods-test"]
    env = {**docker.env, **ports}
    text = (context / "prometheus.yml").read_text().replace("15s", "1s")
    (context / "prometheus.yml").write_text(text)

    def run(*words: str) -> None:
        done = subprocess.run([*compose, *words], env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        run("up", "--detach", "--no-build", "model", "prometheus")
        for service in ("model", "prometheus"):
            healthy(docker, f"moods-test_{service}_1")
        assert json.loads(ask(int(ports["MODEL_PORT"]), b'{"text": "fine"}'))["label"]
        query = f"http://127.0.0.1:{ports['PROMETHEUS_PORT']}/api/v1/query?query=modelworks_requests_total"

        def scraped() -> bool:
            with urllib.request.urlopen(query, timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
            return any(one["metric"]["model"] == "moods" for one in found)

        within(60, scraped)
    finally:
        run("down", "--volumes")
