"""All examples of a project's source files, one after the other, always in the same order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelworks import formats
from modelworks.contracts import format as contract
from modelworks.contracts.format import Bad, Format, Reading
from modelworks.contracts.task import Task
from modelworks.core.errors import DataError
from modelworks.dataset.fingerprint import roots
from modelworks.kinds import Example


class Sources:
    """The source files of a project, their formats and columns; iterating reads them."""

    def __init__(self, task: Task, data: dict[str, Any], project: Path) -> None:
        self._task, self._data, self._project = task, data, project
        self._reading = Reading(input=task.input, target=task.target, columns=data.get("columns") or {})
        self.units = [
            (unit, self._format(unit), given)
            for root, given in roots(project, data)
            for unit in self._unfold(root)
        ]  # fmt: skip
        names = Counter(unit.name for unit, _, _ in self.units)
        self._twice = {name for name, count in names.items() if count > 1}

    def __iter__(self) -> Iterator[Example | Bad]:
        """Examples with the split they are given for ("" when none), ids that occur once, and `where` relative to
        the project."""
        seen = Counter[str]()
        for unit, form, given in self.units:
            named = formats.file_split(self._relative(str(unit)))
            for one in form.read(unit, self._reading):
                where = self._relative(one.where)
                if isinstance(one, Bad):
                    yield replace(one, where=where)
                else:
                    id_ = where if unit.name in self._twice and one.id.startswith(f"{unit.name}:") else one.id
                    seen[id_] += 1
                    id_ = id_ if seen[id_] == 1 else f"{id_}#{seen[id_]}"
                    yield Example(id_, one.input, one.target, one.meta, given or one.split or named, where)

    def columns(self) -> list[dict[str, Any]]:
        """For each file: path, format, field -> column."""
        return [
            {"path": self._relative(str(unit)), "format": form.name,
             "columns": form.guess(unit, self._reading) if form.guess else {}}
            for unit, form, _ in self.units
        ]  # fmt: skip

    def _format(self, unit: Path) -> Format:
        name = self._data.get("format")
        return contract.find(name) if name else formats.detect(unit, self._task.formats)

    def _unfold(self, root: Path) -> Iterator[Path]:
        """A file, a folder that is one data set, or else the data files in a folder."""
        if root.is_file() or self._data.get("format") in ("image-folder", "image_folder", "huggingface"):
            yield root
            return
        try:
            formats.detect(root, self._task.formats)
        except DataError:
            found = [path for path in sorted(root.rglob("*")) if path.is_file() and formats.is_data(path.name)]
            if not found:
                raise
            yield from found
        else:
            yield root

    def _relative(self, where: str) -> str:
        return where.removeprefix(f"{self._project}/")
