"""Writing that cannot be seen half done, and reading that cannot climb out.

A file or folder appears under its name only when whole: it is written beside, flushed to disk (fsync), then renamed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from modelworks.core.errors import BundleError, StoreError


def sync(path: Path) -> None:
    """Flush a file or a directory entry to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically: readers see the old bytes or the new ones, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with telling(path), os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
            sync(path.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def commit_folder(temporary: Path, final: Path) -> bool:
    """Rename a finished folder to its name. False when another process committed the same name first."""
    with telling(final):
        for path in temporary.rglob("*"):
            sync(path)
        sync(temporary)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(temporary, final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            shutil.rmtree(temporary, ignore_errors=True)
            return False
        sync(final.parent)
        return True


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold an exclusive lock on a file for the block; yields False when it is taken and `wait` is False.

    The kernel drops the lock when the process ends, also when it is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


@contextlib.contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a StoreError that says where and what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "free some disk space and run again: finished steps are kept" if full else ""
        raise StoreError(f"cannot write: {error.strerror}", where=str(path), hint=hint) from error


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file at a second place: under a second name where the disk allows it, else as a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with telling(target):
            shutil.copyfile(source, target)


def contained(root: Path, relative: str) -> Path:
    """`root/relative`, or a BundleError when the path is absolute, climbs out, or goes through a link."""
    pure = PurePosixPath(relative)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\\" in relative or "\0" in relative:
        raise BundleError(
            "path is not contained in its folder", where=str(root), seen=relative, allowed="a relative path"
        )
    path = root
    for part in pure.parts:
        path = path / part
        if path.is_symlink():
            raise BundleError("links are not allowed", where=str(root), seen=relative)
    return path
