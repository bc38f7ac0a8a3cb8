"""Is the source data unchanged? One digest over the content of all source files, told from their stat when possible.

The planner calls this at every command, so it imports nothing heavy and hashes only files whose size or times
changed. Two caches in one file: path -> (size, mtime, ctime, digest); and the digest of the whole stat list -> the
digest of the whole content, which makes an unchanged folder cost one `stat` a file. A file that changed within the
last two seconds is never cached: within the clock's tick a second change would be invisible.
"""

from __future__ import annotations

import glob
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from modelworks.core import files, paths
from modelworks.core.errors import DataError, nearest
from modelworks.core.hashing import file_digest

CACHE = "files.json"
RACY = 2_000_000_000
SPLITS = ("train", "dev", "test")

Entry = tuple[int, int, int, str]
"""(size in bytes, mtime in ns, ctime in ns, SHA-256)."""
Stat = tuple[str, int, int, int]
"""(path relative to the project, size, mtime in ns, ctime in ns)."""


def sources(project: Path, data: dict[str, Any]) -> list[Path]:
    """All source files, sorted, each once; a DataError for one that is missing (with the nearest name)."""
    return [project / name for name, *_ in _stats(project, data)]


def roots(project: Path, data: dict[str, Any]) -> list[tuple[Path, str]]:
    """What the configuration names, globs expanded: (file or folder, split it is given for or "")."""
    named = [(pattern, "") for pattern in _patterns(data.get("source", ()))]
    if named and data.get("train"):
        raise DataError("give either `source` (to be split) or `train`, not both", where="modelworks.yaml (data)")
    for split in SPLITS:
        named += [(pattern, split) for pattern in _patterns(data.get(split, ()))]
    if not any(split in ("", "train") for _, split in named):
        raise DataError(
            "the project names no data", where="modelworks.yaml (data)", allowed="data.source or data.train",
            hint="data: {source: data/*.csv}",
        )  # fmt: skip
    found: dict[Path, str] = {}
    for pattern, split in named:
        for path in _expand(project, pattern):
            found[path] = found.get(path) or split
    return list(found.items())


def fingerprint(project: Path, data: dict[str, Any]) -> str:
    """64 hexadecimal digits over the names and contents of all source files."""
    stats = _stats(project, data)
    cache = _load(project)
    listing = hashlib.sha256(msgspec.json.encode(stats)).hexdigest()
    if cache["all"].get(listing):
        return str(cache["all"][listing])
    now = time.time_ns()
    entries = {stat[0]: _entry(project, stat, cache["files"]) for stat in stats}
    total = hashlib.sha256(b"modelworks:source-files:v1\0")
    for name, entry in entries.items():
        total.update(f"{name}\0{entry[3]}\n".encode("utf-8", "surrogateescape"))
    _save(project, listing, total.hexdigest(), entries, now)
    return total.hexdigest()


def _entry(project: Path, stat: Stat, known: dict[str, Entry]) -> Entry:
    name, size, mtime, ctime = stat
    entry = known.get(name)
    if entry is not None and tuple(entry[:3]) == (size, mtime, ctime):
        return entry
    return (size, mtime, ctime, file_digest(project / name))


def _load(project: Path) -> dict[str, Any]:
    try:
        cache = msgspec.json.decode((paths.cache(project) / CACHE).read_bytes())
    except (OSError, msgspec.MsgspecError):
        cache = None
    if (
        not isinstance(cache, dict)
        or not isinstance(cache.get("files"), dict)
        or not isinstance(cache.get("all"), dict)
    ):
        return {"files": {}, "all": {}}
    return cache


def _save(project: Path, listing: str, total: str, entries: dict[str, Entry], now: int) -> None:
    settled = {name: entry for name, entry in entries.items() if now - max(entry[1], entry[2]) > RACY}
    whole = {listing: total} if len(settled) == len(entries) else {}
    data = msgspec.json.encode({"files": settled, "all": whole})
    files.write_bytes(paths.cache(project) / CACHE, data)


def _patterns(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, (list, tuple)) else ()


def _expand(project: Path, pattern: str) -> list[Path]:
    if (project / pattern).exists():
        return [project / pattern]
    matches = sorted(glob.glob(pattern, root_dir=project, recursive=True))
    found = [project / match for match in matches if not Path(match).name.startswith(".")]
    if not found:
        raise _missing(project, pattern)
    return found


def _missing(project: Path, pattern: str) -> DataError:
    folder = (project / pattern).parent
    beside = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    close = nearest(Path(pattern).name, beside)
    return DataError(
        "no such data file", where=str(project), seen=pattern, allowed=beside[:20] or "a file, folder or glob",
        hint=f"did you mean {(Path(pattern).parent / close).as_posix()}?" if close else "correct `data` in the project",
    )  # fmt: skip


def _stats(project: Path, data: dict[str, Any]) -> list[Stat]:
    found: dict[str, Stat] = {}
    for root, _ in roots(project, data):
        for path, stat in _walk(root):
            name = os.path.relpath(path, project)
            found[name] = (name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    return [found[name] for name in sorted(found)]


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """(path, stat) of a file, or of all files of a folder, hidden ones left out."""
    if not root.is_dir():
        yield str(root), root.stat()
        return
    stack = [str(root)]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    stack.append(entry.path)
                else:
                    yield entry.path, entry.stat()
