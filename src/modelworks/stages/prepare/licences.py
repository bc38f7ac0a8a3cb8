"""What lies beside the data about the rights in it."""

from __future__ import annotations

from pathlib import Path

NAMES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "SOURCE.txt", "ATTRIBUTION", "ATTRIBUTION.md",
         "ATTRIBUTION.txt")  # fmt: skip
LINES, LONGEST = 12, 1000


def licences(roots: list[Path], project: Path) -> list[dict[str, str]]:
    """For each licence or source file beside (or in) the data: {what, licence, source}, its first lines."""
    found = {}
    for root in roots:
        folder = root if root.is_dir() else root.parent
        for name in NAMES:
            path = folder / name
            if path.is_file() and folder != project:
                found[path] = {
                    "what": _relative(root, project), "licence": _first(path), "source": _relative(path, project),
                }  # fmt: skip
    return list(found.values())


def _first(path: Path) -> str:
    """A line that names the licence where there is one, else the first lines."""
    with path.open("rb") as stream:
        text = stream.read(64 * 1024).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()][:LINES]
    return "\n".join(lines)[:LONGEST]


def _relative(path: Path, project: Path) -> str:
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else path.name
