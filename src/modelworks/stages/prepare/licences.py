"""What lies beside the data about the rights in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md")
SOURCES = ("SOURCE.txt", "ATTRIBUTION", "ATTRIBUTION.md", "ATTRIBUTION.txt")
LINES, LONGEST = 5, 600


def licences(roots: Iterable[Path], project: Path) -> list[dict[str, str]]:
    """For each licence or source file beside (or in) the data: {what: the data, licence: the line that names it,
    source: the file and its first lines}. The project's own LICENSE is that of its code, and is left out."""
    found: dict[Path, dict[str, str]] = {}
    for root in roots:
        folder = root if root.is_dir() else root.parent
        for name in (*SOURCES, *LICENCES):
            path = folder / name
            if path in found or not path.is_file() or (folder == project and name in LICENCES):
                continue
            lines = _first(path)
            found[path] = {
                "what": _relative(folder, project) or root.name,
                "licence": _named(lines),
                "source": f"{_relative(path, project)}: {' '.join(lines)}"[:LONGEST],
            }
    return list(found.values())


def _first(path: Path) -> list[str]:
    with path.open("rb") as stream:
        text = stream.read(64 * 1024).decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()][:LINES]


def _named(lines: list[str]) -> str:
    """The line `Licence: …`, else the first line."""
    for line in lines:
        if found := re.match(r"licen[cs]e\s*:\s*(.+)", line, re.IGNORECASE):
            return found[1]
    return lines[0] if lines else ""


def _relative(path: Path, project: Path) -> str:
    if not path.is_relative_to(project):
        return path.name
    relative = path.relative_to(project).as_posix()
    return "" if relative == "." else relative
