"""What is about to be committed: is the project valid, is a file too large for Git, was the lock edited by hand?

All is asked of the index, as the commit will hold it, and of this clone's own ledger."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelworks.core import config, lock, paths
from modelworks.core.errors import ConfigError, ModelworksError


@dataclass(frozen=True, slots=True)
class Staged:
    """A file of the index that the last commit does not hold as it is."""

    blob: str
    size: int


def faults(project: Path, megabytes: float) -> list[ModelworksError]:
    """Every reason not to make the commit that is staged; an empty list when there is none."""
    prefix = _prefix(project)
    staged = changed(project)
    return [
        *_large(prefix, staged, megabytes),
        *_invalid(project, staged.get(prefix + config.FILE)),
        *_edited(project, staged.get(prefix + lock.FILE)),
    ]


def git(project: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What git says; a ConfigError with its words when it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=_place(project), input=stdin, capture_output=True, timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"cannot ask git: {error}", where=str(project)) from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise ConfigError(f"git {arguments[0]} failed: {said}", where=str(project))
    return done.stdout


def changed(project: Path) -> dict[str, Staged]:
    """What the commit adds or changes, by path from the top of the repository; not submodules."""
    born = git(project, "rev-list", "-n", "1", "--all") and git(project, "rev-parse", "--verify", "-q", "HEAD^{tree}")
    before = (born or git(project, "hash-object", "-t", "tree", "--stdin")).decode().strip()
    options = ("--cached", "--raw", "--no-abbrev", "--no-renames", "-z", "--diff-filter=AMT")
    parts = git(project, "diff", *options, before).decode("utf-8", "surrogateescape").split("\0")
    blobs = [(path, facts.split()[3]) for facts, path in zip(parts[::2], parts[1::2], strict=False)]
    asked = "".join(f"{blob}\n" for _, blob in blobs).encode()
    answers = git(project, "cat-file", "--batch-check=%(objecttype) %(objectsize)", stdin=asked).decode().splitlines()
    return {
        path: Staged(blob, int(answer.split()[1]))
        for (path, blob), answer in zip(blobs, answers, strict=True) if answer.startswith("blob ")
    }  # fmt: skip


def _place(project: Path) -> Path:
    """Where git is asked: here, when the project lies here or below (Git gives a hook paths relative to where it
    starts it), else in the project."""
    here = Path.cwd().resolve()
    return here if project.resolve().is_relative_to(here) else project


def _prefix(project: Path) -> str:
    """The project's folder from the top of the repository, with a slash; empty when it is the top."""
    top = Path(git(project, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
    folder = project.resolve().relative_to(top.resolve()).as_posix()
    return "" if folder == "." else f"{folder}/"


def _large(prefix: str, staged: dict[str, Staged], megabytes: float) -> list[ModelworksError]:
    found: list[ModelworksError] = []
    for path, file in sorted(staged.items()):
        drop = f"git rm --cached '{path}'"
        if path.startswith(f"{prefix}{paths.home(Path()).name}/"):
            found.append(ConfigError("the store does not belong into Git", where=path, hint=drop))
        elif file.size > megabytes * 1e6:
            found.append(ConfigError(
                "the file is too large for Git", where=path, seen=f"{file.size / 1e6:.1f} MB",
                allowed=f"up to {megabytes:g} MB",
                hint=f"{drop}, and keep it with Git LFS or DVC, or outside of the repository",
            ))  # fmt: skip
    return found


def _invalid(project: Path, file: Staged | None) -> list[ModelworksError]:
    try:
        if file is not None:
            config.parse_project(_read(project, file).decode("utf-8", "replace"))
    except ConfigError as error:
        return [error]
    return []


def _edited(project: Path, file: Staged | None) -> list[ModelworksError]:
    """A lock that neither this tool wrote in this clone nor any commit holds was edited by hand."""
    if file is None:
        return []
    data = _read(project, file)
    try:
        lock.decode(data)
    except ConfigError as error:
        return [error]
    if hashlib.sha256(data).hexdigest() in _written(project) or _committed(project, file):
        return []
    return [ConfigError(
        f"{lock.FILE} was edited by hand: modelworks did not write it so", where=lock.FILE,
        hint=f"git restore --staged --worktree {lock.FILE}; then modelworks release promote or rollback",
    )]  # fmt: skip


def _read(project: Path, file: Staged) -> bytes:
    return git(project, "cat-file", "blob", file.blob)


def _written(project: Path) -> set[str]:
    """Digests of the locks that this clone's ledger says were written here."""
    try:
        lines = (paths.home(project) / "ledger.jsonl").read_bytes().splitlines()
    except FileNotFoundError:
        return set()
    return {str(msgspec.json.decode(line).get("lock", "")) for line in lines}


def _committed(project: Path, file: Staged) -> bool:
    """Whether some commit, of any branch that this clone knows, holds this very file."""
    if not git(project, "rev-list", "-n", "1", "--all"):
        return False
    return bool(git(project, "log", "--all", "-1", "--format=%h", f"--find-object={file.blob}"))
