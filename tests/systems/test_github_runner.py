"""The GitHub workflow that export writes, run by a real runner (act, on this machine, without a network).

The runner does `actions/checkout` itself. Actions that cannot be downloaded here are mapped to local ones:
`setup-python` and the clouds' logins do nothing (this Python is used), `cache` copies a folder, and `gh` is a small
script that keeps releases in a folder and writes down what it was asked.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import outside
import pipelines
import pytest
import yaml

from modelworks.core import lock

pytestmark = pytest.mark.systems
ACTION = "name: x\nruns:\n  using: composite\n  steps:\n    - run: '%s'\n      shell: bash\n"
NOTHING = ("actions/setup-python@v5", "actions/upload-artifact@v4", "aws-actions/configure-aws-credentials@v4",
           "azure/login@v2", "google-github-actions/auth@v2")  # fmt: skip
RESTORE = "mkdir -p .modelworks; cp -r $FAKE/cache/. .modelworks/ 2> /dev/null || true"
SAVE = "mkdir -p $FAKE/cache; cp -r .modelworks/store .modelworks/bundles $FAKE/cache/ 2> /dev/null || true"
GH = """\
#!/bin/sh
echo "$*" >> "$FAKE/asked"
case "$1 $2" in
  "release view") test -d "$FAKE/releases/$3" ;;
  "release create") mkdir -p "$FAKE/releases/$3" && cp "$4" "$5" "$FAKE/releases/$3/" ;;
  "release download") cp "$FAKE/releases/$3/$5" . ;;
  "api --paginate") cat "$FAKE/comment" 2> /dev/null ;;
  "pr comment") cp "$5" "$FAKE/body"; echo 77 > "$FAKE/comment" ;;
esac
"""


@pytest.fixture
def repository(project, tmp_path):
    return pipelines.repository(project, tmp_path / "remote.git", "github")


@pytest.fixture
def act(tmp_path):
    """Run an event's jobs: act(folder, event, job)."""
    program = outside.program("act", tmp_path)
    fake = tmp_path / "fake"
    mapped = [part for name in NOTHING for part in local(fake, name, {"action.yml": "true"})]
    mapped += local(fake, "actions/cache@v4", {"restore/action.yml": RESTORE, "save/action.yml": SAVE})
    (fake / "bin").mkdir()
    (fake / "bin" / "gh").write_text(GH)
    (fake / "bin" / "gh").chmod(0o755)
    environment = {**pipelines.environment(tmp_path / "home"), "FAKE": str(fake)}
    environment["PATH"] = f"{fake / 'bin'}:{environment['PATH']}"
    event = tmp_path / "event.json"

    def run(folder: Path, name: str, job: str) -> subprocess.CompletedProcess[str]:
        facts = {"pull_request": {"number": 5, "head": {"repo": {"full_name": "our/moods"}}, "base": {"ref": "main"}}}
        event.write_text(json.dumps(facts if name == "pull_request" else {"ref": "refs/heads/main"}))
        command = [
            program, name, "-j", job, "-e", str(event), "-P", "ubuntu-latest=-self-hosted", "--pull=false",
            "--env", "GITHUB_REPOSITORY=our/moods", "--env", f"PATH={environment['PATH']}", "--env", f"FAKE={fake}",
            *mapped,
        ]  # fmt: skip
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1500)

    run.fake = fake
    return run


def comment(folder: Path, fake: Path) -> None:
    """The script of the step that comments, once more: now there is a comment to change."""
    workflow = yaml.safe_load((folder / ".github" / "workflows" / "modelworks.yml").read_text("utf-8"))
    step = next(s for s in workflow["jobs"]["gate"]["steps"] if s.get("name", "").startswith("Comment"))
    (folder / "verdict").mkdir()
    (folder / "verdict" / "verdict.md").write_text("words")
    subprocess.run(
        ["bash", "-e", "-c", step["run"]], cwd=folder, check=True, timeout=60,
        env={"PATH": f"{fake / 'bin'}:/usr/bin:/bin", "FAKE": str(fake), "RUNNER_TEMP": str(fake), "NUMBER": "5",
             "MARK": step["env"]["MARK"], "GITHUB_REPOSITORY": "our/moods"},
    )  # fmt: skip


def local(folder: Path, name: str, files: dict[str, str]) -> list[str]:
    place = folder / "actions" / name.replace("/", "-")
    for path, does in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(ACTION % does)
    return ["--local-repository", f"{name}={place}"]


def test_gate_and_release_run_to_success_then_a_red_gate_fails_the_job(act, repository, tmp_path):
    green = act(repository, "push", "release")
    assert green.returncode == 0, green.stdout[-4000:] + green.stderr[-2000:]
    assert "PASSED" in green.stdout
    pipelines.git("pull", "-q", "origin", "main", cwd=repository)
    pin = lock.read(repository).pin("champion")
    assert pin.version == 1
    assert "Pin the new release" in pipelines.git("log", "-1", "--format=%s", cwd=repository)
    assert sorted(path.name for path in (act.fake / "releases" / "tiny-v1").iterdir()) == ["report.html", "tiny.zip"]

    again = act(repository, "push", "release")  # nothing changed: no second commit, no second release
    assert again.returncode == 0, again.stdout[-4000:]
    assert [path.name for path in (act.fake / "releases").iterdir()] == ["tiny-v1"]
    assert not pipelines.git("fetch", "origin", cwd=repository) + pipelines.git("diff", "origin/main", cwd=repository)

    subprocess.run(["rm", "-r", act.fake / "cache"], check=True)  # a cache that was lost
    pipelines.redden(repository)
    red = act(repository, "pull_request", "gate")
    assert red.returncode != 0
    assert f"Release 1 is on this machine (bundle {pin.bundle[:12]})" in red.stdout
    assert "Failure - Main Run the plan up to the gate" in red.stdout
    assert "REFUSED" in red.stdout
    assert "Success - Main Comment the verdict on the pull request" in red.stdout
    assert (act.fake / "body").read_text().startswith("<!-- modelworks: tiny -->\n")
    comment(repository, act.fake)
    assert "api --method PATCH repos/our/moods/issues/comments/77" in (act.fake / "asked").read_text()


def test_a_stale_workflow_fails_the_job_before_anything_runs(act, repository):
    workflow = repository / ".github" / "workflows" / "modelworks.yml"
    workflow.write_text(workflow.read_text("utf-8") + "# edited by hand\n", "utf-8")
    pipelines.commit(repository)
    stale = act(repository, "push", "gate")
    assert "Failure - Main Files made by export are fresh" in stale.stdout
    assert "PASSED" not in stale.stdout
