"""The .zip form of a bundle: the same files, `manifest.json` at the root."""

from __future__ import annotations

import contextlib
import shutil
import stat
import struct
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from modelworks.core.errors import BundleError
from modelworks.core.files import contained, telling

MAX_FILES = 4096
MAX_TOTAL = 16 * 1024**3
"""Bytes of all files together, unpacked."""
MAX_RATIO = 200
"""Unpacked over packed size of a file beyond 1 MiB; weights pack by 1.1, a long run of zeros by 1,000."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, EOFError, ValueError, KeyError, OverflowError)
"""What zipfile raises on damaged or encrypted archives."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Path]:
    """A bundle as a folder: itself, or a .zip unpacked into a folder that lasts as long as the block."""
    if path.is_dir():
        yield path
        return
    folder = Path(tempfile.mkdtemp(prefix="modelworks-"))
    owner = _Owner()
    remove = weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)  # also when the interpreter ends
    try:
        unpack(path, folder)
        yield folder
    finally:
        remove()


class _Owner:
    """Lives as long as an unpacked folder is in use."""


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive; a BundleError for one that is broken, climbs out, holds links, or is absurdly large."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check(entries, path)
            for entry in entries:
                _copy(archive, entry, contained(folder, entry.filename))
    except OSError as error:
        raise BundleError(f"cannot read the archive: {error.strerror}", where=str(path)) from error
    except _BROKEN as error:
        raise BundleError(f"the archive is damaged: {error}", where=str(path)) from error


def _check(entries: list[zipfile.ZipInfo], path: Path) -> None:
    where = str(path)
    if len(entries) > MAX_FILES:
        raise BundleError("too many files", where=where, seen=len(entries), allowed=f"at most {MAX_FILES}")
    if len({entry.filename for entry in entries}) != len(entries):
        raise BundleError("a file occurs twice", where=where)
    total = sum(entry.file_size for entry in entries)
    if total > MAX_TOTAL:
        raise BundleError("too large", where=where, seen=total, allowed=f"at most {MAX_TOTAL} bytes unpacked")
    for entry in entries:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BundleError("unknown compression", where=where, seen=entry.filename, allowed="stored or deflated")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise BundleError("links are not allowed", where=where, seen=entry.filename)
        if entry.file_size > 1024 * 1024 and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise BundleError("a file unpacks to an absurd size", where=where, seen=entry.filename)


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    left = entry.file_size
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, target.open("xb") as stream:
        while chunk := source.read(1024 * 1024):
            left -= len(chunk)
            if left < 0:
                raise BundleError("a file is larger than the archive says", where=str(target), seen=entry.filename)
            stream.write(chunk)


def pack(folder: Path, path: Path) -> None:
    """Write the .zip form of a bundle folder: same bundle, same bytes (no times, sorted)."""
    files = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    temporary = path.with_name(f".{path.name}.part")
    with telling(path):
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in files:
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                with (folder / name).open("rb") as source, archive.open(entry, "w", force_zip64=True) as stream:
                    while chunk := source.read(1024 * 1024):
                        stream.write(chunk)
        temporary.replace(path)
