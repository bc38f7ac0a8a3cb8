"""Git itself: a hook that keeps large files and hand-made locks out, and drivers that show and merge our files."""

from __future__ import annotations

from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import MARK, Facts, File, Target

_END = f"# end of what was {MARK} git`\n"

_ATTRIBUTES = """\
# `modelworks git install` (once a clone) tells Git what these drivers are.
modelworks.lock  text eol=lf diff=modelworks merge=modelworks-lock linguist-language=JSON
dataset.json     diff=modelworks
report.json      diff=modelworks
*.onnx           binary
*.safetensors    binary
*.gguf           binary
"""

_IGNORE = """\
.modelworks/
/<<name>>.zip
/verdict/
"""

_HOOK = """\
#!/bin/sh
<<top>>
# Used after `modelworks git install`, which sets core.hooksPath.
command -v modelworks >/dev/null || { echo "modelworks is not on PATH: activate its environment" >&2; exit 1; }
exec modelworks git check "$(dirname "$0")/.." --max-mb '<<megabytes>>'
"""

_FRAMEWORK = """\
# For https://pre-commit.com: `pre-commit install`.
repos:
  - repo: local
    hooks:
      - id: modelworks
        name: modelworks (project, exported files, large files, lock)
        entry: modelworks git check --max-mb <<megabytes>>
        language: system
        always_run: true
        pass_filenames: false
        stages: [pre-commit]
"""


def _files(facts: Facts) -> tuple[File, ...]:
    top = head(facts, "git")
    values = {**facts.options, "name": facts.name, "top": top.rstrip("\n")}
    hook = File(path=".githooks/pre-commit", text=fill(_HOOK, **values), executable=True)
    framework = File(path=".pre-commit-config.yaml", text=top + fill(_FRAMEWORK, **values))
    hooks = {"git": (hook,), "pre-commit": (framework,)}
    return (
        File(path=".gitattributes", text=top + _ATTRIBUTES + _END, block=True),
        File(path=".gitignore", text=top + fill(_IGNORE, **values) + _END, block=True),
        *hooks.get(facts.options["hook"], ()),
    )


TARGET = Target(
    name="git",
    summary="Git: pre-commit hook (large files, lock, stale files), diff and merge drivers.",
    files=_files,
    options={"megabytes": "5", "hook": "git"},
    next_="modelworks git install (once in every clone), or with hook=pre-commit: pre-commit install.",
)
