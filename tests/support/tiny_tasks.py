"""A tiny project of any task, made of the task's own examples and run through the whole plan, for suites over tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelworks import lifecycle
from modelworks.contracts import format as formats
from modelworks.contracts import task as tasks
from modelworks.core import config, registry
from modelworks.pipeline.execute import Executor

SETTINGS = """\
name: tiny
task: {task}
data: {{train: train.jsonl, dev: dev.jsonl, test: test.jsonl}}
train: {{family: {family}, model: {model}, budget: 6s, options: {options}}}
optimize: {{variants: []}}
evaluate: {{resamples: 100}}
release: {{registry: none}}
"""
FAST = {
    "epochs": 2, "batch_size": 4, "layers": 1, "width": 32, "heads": 2, "inner": 64, "hidden": 32, "arc": 16,
    "relation": 8, "tag": 16, "widths": [8, 8, 16, 16],
}  # fmt: skip
"""A small network and few steps, in the words of all families."""


def known(name: str, model: str, options: Mapping[str, Any], family: str = "") -> dict[str, Any]:
    """Those options that a task's family has, or another one."""
    leaf = registry.leaf("modelworks.stages.learn.families", family or tasks.find(name).shape, "FAMILY")
    struct = leaf.compact if model == "compact" else leaf.options
    return {name: value for name, value in options.items() if name in struct.__struct_fields__}


def project(
    folder: Path, name: str, model: str = "compact", family: str = "", options: Mapping[str, Any] | None = None
) -> Path:
    """Write the files of a tiny project. `model` is `compact` or the folder of a pretrained one."""
    task = tasks.find(name)
    family = family or task.shape
    examples = task.example()
    parts = {"train": examples[:8], "dev": examples[8:10], "test": examples[10:]}
    for split, some in parts.items():
        write = formats.find("jsonl").write
        assert write is not None
        write(folder / f"{split}.jsonl", [replace(example, split="") for example in some])
    options = json.dumps(known(name, model, FAST, family) if options is None else options)
    settings = SETTINGS.format(task=name, family=family, model=model, options=options)
    (folder / config.FILE).write_text(settings, "utf-8")
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
