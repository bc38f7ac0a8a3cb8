"""Is the source data unchanged? One digest over the content of all source files, told from their stat when possible.

The planner calls this at every command, so it imports nothing heavy and hashes only files whose size or times
changed. Two caches: `listings.json` maps the digest of the whole stat list to the digest of the whole content, so an
unchanged folder costs one `stat` a file; `files.json` maps a path to (size, mtime, ctime, digest), so one changed file
is hashed alone. A file that changed within the last two seconds is never cached: a second change within the clock's
tick would be invisible.
"""

from __future__ import annotations

import glob
import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISDIR
from typing import Any, TypeVar

import msgspec

from modelworks.core import files, paths
from modelworks.core.errors import DataError, nearest
from modelworks.core.hashing import file_digest

FILES, LISTINGS = "files.json", "listings.json"
REMEMBERED = 16
"""Stat lists whose digest is kept, the newest."""
RACY = 2_000_000_000
SPLITS = ("train", "dev", "test")

T = TypeVar("T")
Entry = tuple[int, int, int, str]
"""(size in bytes, mtime in ns, ctime in ns, SHA-256)."""


def sources(project: Path, data: dict[str, Any]) -> list[Path]:
    """All source files, sorted, each once; a DataError for one that is missing (with the nearest name)."""
    return [project / line.partition("\0")[0] for line in _listing(project, data)]


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
    lines = _listing(project, data)
    listing = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    listings = _load(project, LISTINGS, dict[str, str])
    if listing in listings:
        return listings[listing]
    now = time.time_ns()
    known = _load(project, FILES, dict[str, Entry])
    entries = dict(_entry(project, line, known) for line in lines)
    total = hashlib.sha256(b"modelworks:source-files:v1\0")
    for name, entry in entries.items():
        total.update(f"{name}\0{entry[3]}\n".encode("utf-8", "surrogateescape"))
    settled = {name: entry for name, entry in entries.items() if now - max(entry[1], entry[2]) > RACY}
    others = {name: entry for name, entry in known.items() if name not in entries and (project / name).is_file()}
    _save(project, FILES, {**others, **settled})  # of another listing of this project, as a folder of weights
    if len(settled) == len(entries):
        kept = list(listings.items())[-REMEMBERED + 1 :]
        _save(project, LISTINGS, {**dict(kept), listing: total.hexdigest()})
    return total.hexdigest()


def _entry(project: Path, line: str, known: dict[str, Entry]) -> tuple[str, Entry]:
    name, size, mtime, ctime = line.split("\0")
    stat, entry = (int(size), int(mtime), int(ctime)), known.get(name)
    return name, entry if entry is not None and entry[:3] == stat else (*stat, file_digest(project / name))


def _load(project: Path, name: str, type_: type[T]) -> T:
    """A cache file; empty when it is missing or damaged."""
    try:
        return msgspec.json.decode((paths.cache(project) / name).read_bytes(), type=type_)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return type_()


def _save(project: Path, name: str, value: dict[str, Any]) -> None:
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:  # a file name that is no UTF-8: not cached, hashed each time
        return
    files.write_bytes(paths.cache(project) / name, data)


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


def _listing(project: Path, data: dict[str, Any]) -> list[str]:
    """A line for each source file, sorted: name relative to the project, size, mtime, ctime, with NUL between."""
    found: list[str] = []
    for root, _ in roots(project, data):
        name = os.path.relpath(root, project)
        if root.is_dir():
            try:
                _walk(str(root), "" if name == "." else f"{name}/", found)
            except OSError as error:  # a link that leads nowhere or in a circle, a folder that may not be read
                raise DataError(f"cannot read the data: {error.strerror}", where=f"{root}/{error.filename}") from error
        else:
            stat = root.stat()
            found.append(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}")
    return sorted(set(found)) if len(found) > 1 else found


def _walk(folder: str, name: str, found: list[str]) -> None:
    """Add all files of a folder, hidden ones left out; `name` is the folder's, relative to the project, with a slash.

    One loop without calls of our own, and stat by the folder's handle (a quarter cheaper than by path): this is where
    the time of an unchanged folder goes."""
    folders = []
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for entry in os.listdir(handle):
            if entry[0] == ".":
                continue
            stat = os.stat(entry, dir_fd=handle)
            if S_ISDIR(stat.st_mode):
                folders.append(entry)
            else:
                found.append(f"{name}{entry}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}")
    finally:
        os.close(handle)
    for entry in folders:
        _walk(f"{folder}/{entry}", f"{name}{entry}/", found)
