"""A tiny project of any task, made of the task's own examples and run through the whole plan, for suites over tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelworks import lifecycle
from modelworks.contracts import format as formats
from modelworks.contracts import task as tasks
from modelworks.core import config
from modelworks.pipeline.execute import Executor

SETTINGS = """\
name: tiny
task: {task}
data: {{train: train.jsonl, dev: dev.jsonl, test: test.jsonl}}
train: {{model: {model}, budget: 6s, options: {{{options}}}}}
optimize: {{variants: []}}
evaluate: {{resamples: 100}}
release: {{registry: none}}
"""
FAST = {"epochs": 2, "batch_size": 4}


def project(folder: Path, name: str, model: str = "compact") -> Path:
    """Write the files of a tiny project. `model` is `compact` or the folder of a pretrained one."""
    task = tasks.find(name)
    examples = task.example()
    parts = {"train": examples[:8], "dev": examples[8:10], "test": examples[10:]}
    for split, some in parts.items():
        write = formats.find("jsonl").write
        assert write is not None
        write(folder / f"{split}.jsonl", [replace(example, split="") for example in some])
    options = ", ".join(f"{key}: {value}" for key, value in FAST.items())
    (folder / config.FILE).write_text(SETTINGS.format(task=name, model=model, options=options), "utf-8")
    return folder


def run(folder: Path, until: str = "") -> Executor:
    """Run every step of the plan, or those up to one, in this process."""
    settings = config.load_project(folder)
    executor = Executor(folder, lifecycle.plan(folder, settings))
    for step in executor.plan.steps:
        executor.execute(step.name)
        if step.name == until:
            break
    return executor
