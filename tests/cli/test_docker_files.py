"""What `export docker` and `deploy docker` do without an engine."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_bundles import make_text_bundle

import modelworks
from modelworks.adapters.targets import _sbom
from modelworks.cli.main import group
from modelworks.core.errors import StepError

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Description: a library
 Version: of what it says
Version: 2.36-9+deb12u14

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""


@pytest.fixture(autouse=True)
def moods(project):
    settings = "name: Moods_2\ntask: sentiment-analysis\ndata: {source: data.csv}\nserve: {deadline: 20, queue: 5}\n"
    (project / "modelworks.yaml").write_text(settings)


def run(*arguments: str):
    result = CliRunner().invoke(group, list(arguments), standalone_mode=False)
    if result.exception:
        raise result.exception
    return result


def test_the_image_takes_the_projects_settings_and_the_light_base(project):
    run("export", "docker", "--set", "extras=generation")
    text = (project / "deploy" / "docker" / "Dockerfile").read_text()
    line = next(line for line in text.splitlines() if "MODELWORKS_SERVE='" in line)
    serve = json.loads(line.split("'")[1])
    assert (serve["deadline"], serve["queue"], serve["host"], serve["records"]) == (20, 5, "0.0.0.0", False)
    assert 'REQUIREMENT="modelworks[generation]==' in text
    compose = (project / "deploy" / "docker" / "compose.yaml").read_text()
    assert "stop_grace_period: 25s" in compose
    assert "image: ${MODEL_IMAGE:-moods-2:latest}" in compose
    assert "cpus: ${MODEL_CPUS:-0}" in compose, "an engine refuses more processors than it has"
    starters = {path.suffix for path in (Path(modelworks.__file__).parent / "starters").glob("[!_]*.[!pj]*")}
    assert starters == {".zip", ".delta"}, "the image leaves out every form of them"
    assert all(f"starters/*{form}" in text for form in starters)


def test_the_bill_names_distributions_and_installed_packages(project, capsys):
    run("export", "docker")
    sys_argv, sys.argv = sys.argv, ["sbom.py"]
    try:
        runpy.run_path(str(project / "deploy" / "docker" / "sbom.py"), run_name="__main__")
    finally:
        sys.argv = sys_argv
    names = {part["name"].lower() for part in json.loads(capsys.readouterr().out)["components"]}
    assert {"onnxruntime", "click"} <= names
    [one] = _sbom.packages(STATUS)
    assert one["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64"


def test_a_missing_client_is_told(project):
    make_text_bundle(project / "one")
    with pytest.raises(StepError, match="there is no Docker client") as caught:
        run("deploy", "docker", "--bundle", "./one", "--plan", "--set", "client=no-such-docker")
    assert "--set client=PATH" in caught.value.hint
    path = project / "modelworks.yaml"
    path.write_text(path.read_text() + "targets: {docker: {client: no-such-docker}}\n")
    found = json.loads(CliRunner().invoke(group, ["doctor", "--json"], standalone_mode=False).stdout)
    assert [check["state"] for check in found if check["what"] == "docker"] == ["fault"]
