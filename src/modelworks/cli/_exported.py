"""Files that `modelworks export` makes, beside those that lie in the project."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from modelworks.cli import _targets
from modelworks.contracts.target import MARK, File, Target


def files(project: Path, target: Target, given: tuple[str, ...]) -> tuple[File, ...]:
    """The target's files for a project. `given` are `key=value` strings."""
    return target.files(_targets.facts(project, target.name, target.options, given))


def options(project: Path, folder: Path, target: Target) -> tuple[str, ...] | None:
    """What was set when the target's files in a folder were made, as the files say; None when there are none."""
    for file in files(project, target, ()):
        path = folder / file.path
        said = _line(target).search(path.read_text("utf-8", "replace")) if path.is_file() else None
        if said:
            return tuple(word for word in shlex.split(said[1]) if word != "--set")
    return None


def state(path: Path, file: File, target: Target) -> str:
    """`new`, `fresh`, `stale`, or `not ours`."""
    if not path.is_file():
        return "new"
    text = path.read_text("utf-8", "replace")
    if file.block:
        _, block, _ = _around(text, file, target)
        return "new" if not block else "fresh" if block == file.text else "stale"
    if text == file.text:
        return "fresh"
    return "stale" if MARK in text or MARK not in file.text else "not ours"


def write(path: Path, file: File, target: Target) -> None:
    """Write a file whole, or its block into what the user wrote."""
    from modelworks.core import files as writing

    text = file.text
    if file.block and path.is_file():
        before, _, after = _around(path.read_text("utf-8"), file, target)
        text = before + file.text + after
    writing.write_bytes(path, text.encode())
    if file.executable:
        path.chmod(0o755)


def _line(target: Target) -> re.Pattern[str]:
    """The line that says who made a file; its group is what was set."""
    return re.compile(rf"{re.escape(MARK)} {re.escape(target.name)}((?: --set [^`]*)?)`")


def _around(text: str, file: File, target: Target) -> tuple[str, str, str]:
    """What stands before our block, the block, and what follows; a block that is not there comes last."""
    lines = text.splitlines(keepends=True)
    first = next((i for i, line in enumerate(lines) if _line(target).search(line)), None)
    ends = file.text.splitlines()[-1]
    last = next((i for i, line in enumerate(lines) if line.rstrip("\r\n") == ends), None)
    if first is None or last is None or last < first:
        return text + ("" if not text or text.endswith("\n") else "\n"), "", ""
    return "".join(lines[:first]), "".join(lines[first : last + 1]), "".join(lines[last + 1 :])


def stale(project: Path) -> list[str]:
    """Files of all targets that were exported into a project which are not as export would write them now."""
    from modelworks.contracts import target as contract
    from modelworks.core import registry

    found = []
    for target in map(contract.find, registry.names(contract.PACKAGE)):
        given = options(project, project, target)
        for file in files(project, target, given) if given is not None else ():
            if state(project / file.path, file, target) != "fresh":
                found.append(file.path)
    return found
