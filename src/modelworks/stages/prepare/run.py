"""The step `prepare` (thin version)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelworks import formats
from modelworks.contracts import format as contract
from modelworks.contracts import task as tasks
from modelworks.contracts.format import Bad, Reading
from modelworks.contracts.step import Work
from modelworks.core.errors import DataError
from modelworks.dataset import create, rows
from modelworks.dataset.fingerprint import roots
from modelworks.kinds import Example


def run(work: Work) -> dict[str, Any]:
    """Read, check, split and store the project's data."""
    task = tasks.find(work.params["task"])
    data = work.params["data"]
    project = Path(work.inputs["source"])
    dataset = create(work.output, _examples(task, data, project), input=task.input, target=task.target, validation={})
    if not dataset.splits["train"]:
        raise DataError("the data holds no training examples", where=str(project))
    return {"splits": dataset.splits, "labels": list(dataset.labels), "dataset": dataset.id}


def _examples(task: Any, data: dict[str, Any], project: Path) -> Iterator[Example]:
    reading = Reading(input=task.input, target=task.target, columns=data.get("columns") or {})
    for root, given in roots(project, data):
        name = data.get("format")
        form = contract.find(name) if name else formats.detect(root, task.formats)
        for one in form.read(root, reading):
            if isinstance(one, Bad):
                if data.get("skip_bad"):
                    continue
                raise DataError(one.message, where=one.where, seen=one.seen, allowed=one.allowed)
            split = given or _split(one, data)
            yield Example(one.id, one.input, one.target, one.meta, split, one.where)


def _split(example: Example, data: dict[str, Any]) -> str:
    share = (
        int.from_bytes(hashlib.sha256(b"%d" % data.get("seed", 0) + rows.content(example.input)).digest()[:8]) / 2**64
    )
    test, dev = (value if isinstance(value, float) else 0.0 for value in (data.get("test", 0.2), data.get("dev", 0.1)))
    return "test" if share < test else "dev" if share < test + dev else "train"
