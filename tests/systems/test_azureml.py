"""What `export azureml` writes: loaded and validated by Azure's own SDK, and scored by its own inference server."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from outside import ROOT, answers, environment, free_port, server
from tiny_bundles import make_image_bundle, make_text_bundle, picture

from modelworks import kinds
from modelworks.bundle import Predictor, pack
from modelworks.cli.main import group
from modelworks.kinds import Text

pytestmark = pytest.mark.systems
LOADERS = {
    "online-endpoint.yml": "load_online_endpoint", "blue.yml": "load_online_deployment",
    "green.yml": "load_online_deployment", "batch-endpoint.yml": "load_batch_endpoint",
    "batch-deployment.yml": "load_batch_deployment", "environment.yml": "load_environment",
    "model.yml": "load_model", "job.yml": "load_job",
}  # fmt: skip
LOAD = """
import inspect, json, sys
import azure.ai.ml
found = {}
for path, loader in json.load(sys.stdin).items():
    try:
        loaded = getattr(azure.ai.ml, loader)(path)
        if hasattr(loaded, "_validate"):
            more = {"raise_error": True} if "raise_error" in inspect.signature(loaded._validate).parameters else {}
            loaded._validate(**more)
        found[path] = ["ok", str(loaded.name)]
    except Exception as error:
        found[path] = ["refused", f"{type(error).__name__}: {error}"]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def azure() -> Path:
    return environment("azureml") / "bin"


@pytest.fixture
def folder(project: Path) -> Path:
    (project / "modelworks.yaml").write_text("name: moods\ntask: sentiment-analysis\ndata: {source: data.csv}\n")
    result = CliRunner().invoke(group, ["export", "azureml"], standalone_mode=False)
    assert result.exception is None
    return project / "deploy" / "azureml"


def load(azure: Path, files: dict[Path, str]) -> dict[str, list[str]]:
    """name -> [ok, its name] or [refused, why], by the SDK's own loaders; without an account."""
    asked = json.dumps({str(path): loader for path, loader in files.items()})
    done = subprocess.run([azure / "python", "-c", LOAD], input=asked, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return {Path(path).name: said for path, said in json.loads(done.stdout.splitlines()[-1]).items()}


def test_every_file_is_taken_by_the_sdk_and_a_bad_one_is_not(azure, folder):
    pack(make_text_bundle(folder / "tiny"), folder / "bundle.zip")
    bad = {
        "blue.yml": ("instance_count: 1", "instance_count: many"),
        "batch-deployment.yml": ("output_action: append_row", "output_action: shout"),
        "job.yml": ("timeout: 86400", "timeout: long"),
        "online-endpoint.yml": ("auth_mode: aad_token", "auth_mode: none_at_all"),
    }
    files = {folder / name: loader for name, loader in LOADERS.items()}
    for name, (right, wrong) in bad.items():
        text = (folder / name).read_text()
        assert right in text
        (folder / f"bad-{name}").write_text(text.replace(right, wrong))
        files[folder / f"bad-{name}"] = LOADERS[name]
    found = load(azure, files)
    assert {name: found[name][0] for name in LOADERS} == dict.fromkeys(LOADERS, "ok"), found
    assert {name: found[f"bad-{name}"][0] for name in bad} == dict.fromkeys(bad, "refused"), found
    assert (found["blue.yml"][1], found["green.yml"][1]) == ("blue", "green")
    assert set(LOADERS) | {"conda.yml", "score.py"} == {
        path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("bad-")
    } - {"bundle.zip"}


@pytest.fixture
def scored(azure: Path, folder: Path, tmp_path: Path) -> Iterator[str]:
    """The script in Azure's inference server, with a model folder as Azure mounts it."""
    pack(make_text_bundle(tmp_path / "tiny"), _mounted(tmp_path) / "bundle.zip")
    port = free_port()
    command = [azure / "azmlinfsrv", "--entry_script", folder / "score.py", "--port", str(port)]
    given = {"AZUREML_MODEL_DIR": str(tmp_path / "mounted"), "PYTHONPATH": str(ROOT / "src"), "AML_APP_ROOT": "."}
    with server(command, tmp_path / "azmlinfsrv.log", given, cwd=folder) as process:
        answers(f"http://127.0.0.1:{port}/", 180, process)
        yield f"http://127.0.0.1:{port}/score"


def _mounted(folder: Path) -> Path:
    path = folder / "mounted" / "model"
    path.mkdir(parents=True)
    return path


def ask(url: str, body: bytes) -> tuple[int, dict]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_azures_inference_server_answers_as_the_predictor_does(scored, tmp_path):
    predictor = Predictor.open(tmp_path / "tiny")
    texts = ["a good film", "bad", "the plot was not very dull"]
    expected = [json.loads(kinds.encode(one)) for one in predictor.predict([Text(text) for text in texts])]
    assert ask(scored, b'{"text": "a good film"}') == (200, expected[0])
    batch = json.dumps({"inputs": [{"text": text} for text in texts]}).encode()
    assert ask(scored, batch) == (200, {"predictions": expected})
    status, told = ask(scored, b'{"txt": "a"}')
    assert (status, told["error"]) == (400, "request")
    assert "txt" in told["message"]
    assert ask(scored, b"{")[0] == 400


@pytest.mark.parametrize("sort", ["text", "image"])
def test_a_batch_of_files_gets_a_line_an_input(azure, folder, tmp_path, sort):
    bundle = {"text": make_text_bundle, "image": make_image_bundle}[sort](_mounted(tmp_path) / "bundle")
    (tmp_path / "a.jsonl").write_text('{"text": "good"}\n{"text": "bad"}\n')
    (tmp_path / "b.txt").write_text("a good film")
    (tmp_path / "c.png").write_bytes(picture(3))
    files = ["a.jsonl", "b.txt"] if sort == "text" else ["c.png"]
    code = f"import score; score.init(); print('\\n'.join(score.run({[str(tmp_path / name) for name in files]!r})))"
    env = {**os.environ, "AZUREML_MODEL_DIR": str(tmp_path / "mounted"), "PYTHONPATH": str(ROOT / "src")}
    command = [azure / "python", "-c", code]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    kind = kinds.KINDS[sort]
    inputs = [Text("good"), Text("bad"), Text("a good film")] if sort == "text" else [kind.raw(picture(3))]
    expected = [kinds.encode(one).decode() for one in Predictor.open(bundle).predict(inputs)]
    assert done.stdout.splitlines()[-len(expected) :] == expected
