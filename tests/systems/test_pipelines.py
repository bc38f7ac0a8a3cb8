"""The pipelines for GitLab, CircleCI and Jenkins. GitLab's is executed by gitlab-ci-local; the steps of the other two
by small runners made here, which keep the order and the rules that matter (a failed step ends a job, but for `always`).

GitLab's package registry is a small HTTP server of this test."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import outside
import pipelines
import pytest
import yaml

from modelworks.core import lock

pytestmark = pytest.mark.systems


class Packages(http.server.BaseHTTPRequestHandler):
    """Keeps what is uploaded."""

    kept: dict[str, bytes]

    def do_PUT(self):
        assert self.headers["JOB-TOKEN"] == "t0ken"
        self.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()

    def do_GET(self):
        found = self.kept.get(self.path)
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def packages():
    kept: dict[str, bytes] = {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Kept", (Packages,), {"kept": kept}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", kept
    server.shutdown()
    thread.join()
    server.server_close()


def pinned(folder: Path, remote: Path) -> lock.Pin:
    """The champion that the remote's branch names, which must be the newest commit's change."""
    clone = folder / "pinned"
    shutil.rmtree(clone, ignore_errors=True)
    pipelines.git("clone", "-q", str(remote), str(clone), cwd=folder)
    assert "Pin the new release [skip ci]" in pipelines.git("log", "-1", "--format=%s", cwd=clone)
    pin = lock.read(clone).pin("champion")
    assert pin is not None
    return pin


def test_gitlab_runs_to_a_release_and_a_red_gate_fails(project, tmp_path, packages):
    home, (url, kept) = outside.environment("gitlab") / "node_modules" / ".bin", packages
    remote = tmp_path / "remote.git"
    pipelines.repository(project, remote, "gitlab")
    environment = pipelines.environment(tmp_path / "home")
    environment["PATH"] = f"{home}:{environment['PATH']}"
    variables = {
        "CI_API_V4_URL": url, "CI_PROJECT_ID": "5", "CI_JOB_TOKEN": "t0ken", "PUSH_URL": str(remote),
        "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main",
    }  # fmt: skip
    given = [part for name, value in variables.items() for part in ("--variable", f"{name}={value}")]

    def run() -> subprocess.CompletedProcess[str]:
        command = ["gitlab-ci-local", "--force-shell-executor", *given]
        return subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=1500, check=False
        )

    green = run()
    assert green.returncode == 0, green.stdout[-4000:] + green.stderr[-2000:]
    assert "PASS  gate" in green.stdout
    assert "PASSED" in green.stderr  # where `modelworks run` says it
    pin = pinned(tmp_path, remote)
    assert list(kept) == ["/projects/5/packages/generic/tiny/1/tiny.zip"]
    assert (project / "verdict" / "junit.xml").is_file()

    pipelines.git("pull", "-q", "--rebase", "origin", "main", cwd=project)
    shutil.rmtree(project / ".modelworks" / "bundles")  # a cache that was lost, but for what training made
    pipelines.redden(project)
    red = run()
    assert red.returncode != 0
    assert f"Release 1 is on this machine (bundle {pin.bundle[:12]})" in red.stdout
    assert "REFUSED" in red.stderr
    assert list(kept) == ["/projects/5/packages/generic/tiny/1/tiny.zip"]


class Circle:
    """Runs the jobs of a CircleCI workflow in order; each in a clone of its own, with one cache."""

    def __init__(self, config: dict[str, Any], place: Path, remote: Path) -> None:
        self.config, self.place, self.remote = config, place, remote
        self.environment, self.said = pipelines.environment(place / "home"), ""

    def run(self) -> list[str]:
        """The names of the jobs that succeeded; an approval is given."""
        good: list[str] = []
        for entry in self.config["workflows"]["modelworks"]["jobs"]:
            name, facts = next(iter(entry.items())) if isinstance(entry, dict) else (entry, {})
            if not set(facts.get("requires", ())) <= set(good):
                continue
            if facts.get("type") == "approval" or self._job(name):
                good.append(name)
        return good

    def _job(self, name: str) -> bool:
        folder = self.place / f"job-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        good = True
        for step in self._steps(self.config["jobs"][name]["steps"]):
            kind, facts = (step, {}) if isinstance(step, str) else next(iter(step.items()))
            if good or facts.get("when") == "always":
                good = getattr(self, f"_{kind}")(folder, facts) and good
        return good

    def _steps(self, steps: list[Any]) -> list[Any]:
        commands = self.config["commands"]
        found = [commands[s]["steps"] if isinstance(s, str) and s in commands else [s] for s in steps]
        return [step for part in found for step in part]

    def _checkout(self, folder: Path, _: Any) -> bool:
        pipelines.git("clone", "-q", str(self.remote), str(folder), cwd=self.place)
        return True

    def _run(self, folder: Path, facts: dict[str, Any]) -> bool:
        own = {
            key: value.replace("<< pipeline.parameters.force >>", self.config["parameters"]["force"]["default"])
            for key, value in facts.get("environment", {}).items()
        }
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", facts["command"]], cwd=folder, env={**self.environment, **own},
            capture_output=True, text=True, timeout=1500, check=False,
        )  # fmt: skip
        self.said += f"{facts['name']}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.returncode == 0

    def _restore_cache(self, folder: Path, _: Any) -> bool:
        if (self.place / "cache").is_dir():
            shutil.copytree(self.place / "cache", folder / ".modelworks")
        return True

    def _save_cache(self, folder: Path, facts: dict[str, Any]) -> bool:
        for path in facts["paths"]:
            if (folder / path).is_dir():
                shutil.copytree(folder / path, self.place / "cache" / Path(path).name, dirs_exist_ok=True)
        return True

    def _store_artifacts(self, folder: Path, facts: dict[str, Any]) -> bool:
        assert (folder / facts["path"]).exists()
        return True

    _store_test_results = _store_artifacts

    def _add_ssh_keys(self, *_: Any) -> bool:
        return True


def test_the_steps_for_circleci_release_and_a_red_gate_stops_them(project, tmp_path):
    remote = tmp_path / "remote.git"
    pipelines.repository(project, remote, "circleci")
    config = yaml.safe_load((project / ".circleci" / "config.yml").read_text("utf-8"))
    circle = Circle(config, tmp_path, remote)
    assert circle.run() == ["gate", "approve", "release"], circle.said[-4000:]
    assert pinned(tmp_path, remote).version == 1
    assert (tmp_path / "job-release" / "tiny.zip").is_file()
    pipelines.git("pull", "-q", "origin", "main", cwd=project)
    pipelines.redden(project)
    assert circle.run() == []
    assert "Run the plan up to the gate: 1" in circle.said
    assert "REFUSED" in circle.said


@pytest.fixture
def jenkins(tmp_path):
    """Run a Jenkinsfile in a folder, on a branch."""
    libraries = outside.environment("jenkins") / "node_modules" / "npm-groovy-lint" / "lib" / "java" / "groovy" / "lib"
    site = pipelines.BIN.parent / "lib" / f"python3.{os.sys.version_info.minor}" / "site-packages"
    environment = pipelines.environment(tmp_path / "home")
    environment["PYTHONPATH"] = f"{outside.ROOT / 'src'}:{site}"  # so that .venv-ci has what it would download

    def run(folder: Path, branch: str) -> subprocess.CompletedProcess[str]:
        command = [
            "java", "-cp", f"{libraries}/*", "groovy.ui.GroovyMain",
            outside.ROOT / "tests" / "support" / "declarative.groovy", "Jenkinsfile", branch,
        ]  # fmt: skip
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1500, check=False
        )

    return run


def test_a_jenkinsfile_releases_from_the_branch_alone_and_a_red_gate_stops_it(project, tmp_path, jenkins):
    remote = tmp_path / "remote.git"
    pipelines.repository(project, remote, "jenkins")
    other = jenkins(project, "feature")
    assert other.returncode == 0, other.stdout[-4000:] + other.stderr
    assert "PASSED" in other.stdout
    assert "stage Release\nnot wanted here" in other.stdout
    main = jenkins(project, "main")
    assert main.returncode == 0, main.stdout[-4000:] + main.stderr
    assert pinned(tmp_path, remote).version == 1
    assert "archived tiny.zip, modelworks.lock" in main.stdout
    pipelines.redden(project)
    red = jenkins(project, "main")
    assert red.returncode == 1
    assert "stage Release: left out" in red.stdout
    assert "html: true" in red.stdout
    assert "archived verdict/**" in red.stdout
