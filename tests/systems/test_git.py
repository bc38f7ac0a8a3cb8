"""Git for real: a repository, its bare remote, clones, hooks, diff and merge drivers; and pre-commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import outside
import pytest
import tiny_tasks

from modelworks.core import config, lock, paths
from modelworks.core.lock import Lock, Pin
from modelworks.stages.release import channels

pytestmark = pytest.mark.systems
BIN = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Git as on a machine without settings, and this Python's `modelworks` on PATH."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = t\nemail = t@example.org\n[init]\ndefaultBranch = main\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")


def sh(*command: str, cwd: Path | None = None, fails: bool = False) -> str:
    """Run to success (or failure); gives the output, then the messages."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=900)
    assert (done.returncode != 0) is fails, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def repository(project, tmp_path):
    """A tiny project in Git, set up by the exported files, with a bare remote."""
    tiny_tasks.project(project, "sentiment-analysis")
    (project / ".gitignore").write_text("mine/\n")
    sh("git", "init", "-q")
    sh("git", "init", "-q", "--bare", str(tmp_path / "remote.git"))
    sh("git", "remote", "add", "origin", str(tmp_path / "remote.git"))
    sh("modelworks", "export", "git")
    sh("modelworks", "git", "install")
    sh("git", "add", ".")
    sh("git", "commit", "-q", "-m", "Begin")
    return project


def release(letter: str, folder: Path) -> None:
    paths.bundle(folder, letter * 64).mkdir(parents=True, exist_ok=True)
    channels.add(folder, Pin(bundle=letter * 64, version=0, scores={"accuracy": 0.5}))


def commit(message: str, *add: str) -> None:
    sh("git", "add", *(add or (".",)))
    sh("git", "commit", "-q", "-m", message)


def test_an_old_commit_reproduces_its_release_here_and_in_a_clone_that_has_but_the_store(repository, tmp_path):
    def run() -> str:
        return sh("modelworks", "run")

    run()
    commit("Release 1")
    first = lock.read(repository).pin("champion")
    path = repository / config.FILE
    path.write_text(path.read_text().replace("budget:", "seed: 1, budget:"))
    run()
    commit("Release 2")
    sh("git", "push", "-q", "origin", "HEAD")
    second = lock.read(repository).pin("champion")
    assert (first.version, second.version) == (1, 2)
    assert first.bundle != second.bundle
    assert (second.baseline, second.dataset) == (first.bundle, first.dataset)
    assert len(first.weights) == len(second.weights) == 64

    sh("git", "checkout", "-q", "HEAD~1")
    assert f"Nothing changed: nothing to do. Champion: release 1, bundle {first.bundle[:12]}." in run()
    assert not sh("git", "status", "--porcelain")
    sh("git", "checkout", "-q", "main")

    clone = tmp_path / "clone"
    sh("git", "clone", "-q", str(tmp_path / "remote.git"), str(clone))
    shutil.copytree(repository / ".modelworks" / "store", clone / ".modelworks" / "store")  # as caches of CI do
    for commit_, pin in (("HEAD", second), ("HEAD~1", first)):
        sh("git", "checkout", "-q", commit_, cwd=clone)
        told = json.loads(sh("modelworks", "run", "--json", cwd=clone).splitlines()[0])
        assert (told["ran"], told["passed"]) == (["release"], True)  # trains nothing: the bundle comes from the store
        assert lock.read(clone).pin("champion") == pin
        assert sh("modelworks", "bundle", "verify", "champion", cwd=clone).startswith(pin.bundle)
        assert not sh("git", "status", "--porcelain", cwd=clone)


def test_a_release_whose_lock_was_not_committed_is_entered_again(repository):
    sh("modelworks", "run")
    before = lock.read(repository).pin("champion")
    (repository / lock.FILE).unlink()
    assert json.loads(sh("modelworks", "run", "--json").splitlines()[0])["ran"] == ["release"]
    assert lock.read(repository).pin("champion").bundle == before.bundle


def test_large_files_never_enter_git(repository, tmp_path):
    release("a", repository)
    (repository / "weights.bin").write_bytes(os.urandom(5_100_000))
    sh("git", "add", ".")
    said = sh("git", "commit", "-q", "-m", "x", fails=True)
    assert "weights.bin" in said
    assert "5.1 MB" in said
    assert "git rm --cached 'weights.bin'" in said
    sh("git", "rm", "-q", "--cached", "weights.bin")
    sh("git", "commit", "-q", "-m", "x")
    sh("git", "add", "-f", ".modelworks")
    assert "the store does not belong into Git" in sh("git", "commit", "-q", "-m", "x", fails=True)
    sh("git", "reset", "-q")
    sh("git", "push", "-q", "origin", "HEAD")
    objects = sh("git", "cat-file", "--batch-all-objects", "--batch-check=%(objectsize)", cwd=tmp_path / "remote.git")
    assert max(map(int, objects.split())) < 5_000_000


@pytest.mark.parametrize("where", ["", "deep/er"], ids=["at the top", "below"])
def test_a_hand_made_lock_a_faulty_project_and_stale_files_are_refused(project, where):
    sh("git", "init", "-q")
    folder = project / where
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    tiny_tasks.project(folder, "sentiment-analysis")
    for command in (("export", "git"), ("git", "install"), ("export", "gitlab", "--set", "branch=trunk")):
        sh("modelworks", *command)
    release("a", folder)
    release("b", folder)
    commit("written by the tool")
    path = folder / lock.FILE
    path.write_text(path.read_text().replace('"champion": 2', '"champion": 1'))
    assert "edited by hand" in sh("git", "commit", "-q", "-a", "-m", "x", fails=True)
    channels.promote(folder, 1)
    sh("git", "reset", "-q", "--hard")
    channels.promote(folder, 1)
    commit("promoted by the tool")
    sh("git", "checkout", "HEAD~1", "--", lock.FILE)
    commit("taken from an old commit")
    path.write_text("{")
    assert "damaged" in sh("git", "commit", "-q", "-a", "-m", "x", fails=True)
    sh("git", "reset", "-q", "--hard")
    settings = folder / config.FILE
    settings.write_text(settings.read_text() + "sevre: {}\n")
    assert "unknown key sevre" in sh("git", "commit", "-q", "-a", "-m", "x", fails=True)
    sh("git", "reset", "-q", "--hard")
    pipeline = folder / ".gitlab-ci.yml"
    pipeline.write_text(pipeline.read_text() + "# mine\n")
    said = sh("git", "commit", "-q", "-a", "-m", "x", fails=True)
    assert "stale" in said
    assert ".gitlab-ci.yml" in said


def test_diffs_are_lines_that_a_person_can_compare(repository):
    (repository / "report.json").write_text('{"scores": {"accuracy": {"value": 0.123456789}}}')
    release("a", repository)
    commit("x")
    (repository / "report.json").write_text('{"scores": {"accuracy": {"value": 0.2}}}')
    release("b", repository)
    shown = sh("git", "diff")
    assert "-scores.accuracy.value: 0.1235\n+scores.accuracy.value: 0.2" in shown
    assert "-channels.champion: 1\n+channels.champion: 2" in shown
    assert f"+releases[2].bundle: {'b' * 16}\n" in shown


def test_two_branches_that_released_keep_both_releases_and_a_person_chooses(repository):
    release("a", repository)
    commit("base")
    sh("git", "checkout", "-q", "-b", "other")
    release("b", repository)
    commit("theirs")
    sh("git", "checkout", "-q", "main")
    release("c", repository)
    commit("ours")
    assert "champion was moved by both sides" in sh("git", "merge", "other", fails=True)
    merged = lock.read(repository)
    assert [(pin.bundle[0], pin.version) for pin in merged.releases] == [("a", 1), ("c", 2), ("b", 3)]
    assert merged.pin().bundle[0] == "c"
    sh("modelworks", "release", "promote", "3")
    commit("merged")
    assert lock.read(repository).pin().bundle[0] == "b"


def test_two_branches_of_which_one_released_merge_alone(repository):
    release("a", repository)
    commit("base")
    sh("git", "checkout", "-q", "-b", "other")
    release("b", repository)
    commit("theirs")
    sh("git", "checkout", "-q", "main")
    channels.promote(repository, 1, "shadow")
    commit("ours")
    sh("git", "merge", "-q", "--no-edit", "other")
    merged = lock.read(repository)
    assert merged.channels == {"champion": 2, "shadow": 1}
    assert isinstance(merged, Lock)


def test_pre_commit_runs_the_same_check(project):
    home = outside.environment("ci-checkers")
    tiny_tasks.project(project, "sentiment-analysis")
    sh("git", "init", "-q")
    sh("modelworks", "export", "git", "--set", "hook=pre-commit", "--set", "megabytes=0.1")
    sh(str(home / "bin" / "pre-commit"), "install")
    commit("x")
    (project / "big").write_bytes(bytes(200_000))
    sh("git", "add", ".")
    said = sh("git", "commit", "-q", "-m", "y", fails=True)
    assert "up to 0.1 MB" in said
    assert "modelworks export" not in said
