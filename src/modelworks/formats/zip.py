"""A zip of any other format: an image folder is read in place, tables are unpacked one at a time to a temporary folder.

An archive is refused as a whole when a name climbs out or is a link, when it is encrypted, or beyond the limits.
"""

from __future__ import annotations

import lzma
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from modelworks import formats
from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError
from modelworks.formats import huggingface, image_folder
from modelworks.formats._splits import file_split
from modelworks.kinds import Example

MEMBERS = 2_000_000
TOTAL = 16 * 2**30
"""Bytes of all members, unpacked."""
RATIO, SMALL = 300, 64 * 2**20
"""Unpacked over packed size beyond which a member larger than SMALL is taken for a bomb."""


def members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """The files of an archive, sorted by name, hidden ones left out; a DataError for an unsafe archive."""
    infos = archive.infolist()
    total = sum(info.file_size for info in infos)
    if len(infos) > MEMBERS or total > TOTAL:
        raise DataError(
            "the archive is too large", where=str(path), seen=f"{len(infos)} files, {total} bytes",
            allowed=f"at most {MEMBERS} files and {TOTAL} bytes", hint="unpack it and name the folder",
        )  # fmt: skip
    for info in infos:
        _refuse(info, path)
    shown = [
        i for i in infos if not i.is_dir() and not any(p.startswith((".", "__MACOSX")) for p in i.filename.split("/"))
    ]
    return sorted(shown, key=lambda info: info.filename)


def _refuse(info: zipfile.ZipInfo, path: Path) -> None:
    name = PurePosixPath(info.filename)
    fault = ""
    if name.is_absolute() or ".." in name.parts or "\\" in info.filename or "\0" in info.filename:
        fault = "a name in the archive climbs out of it"
    elif stat.S_ISLNK(info.external_attr >> 16):
        fault = "the archive holds a link"
    elif info.flag_bits & 1:
        fault = "the archive is encrypted"
    elif info.file_size > SMALL and info.file_size > RATIO * max(info.compress_size, 1):
        fault = f"a file in the archive unpacks to {info.file_size // max(info.compress_size, 1)} times its size"
    if fault:
        raise DataError(fault, where=str(path), seen=info.filename, hint="unpack it by hand if you trust it")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo], bool]]:
    """(archive, its members, does it hold images); what is damaged becomes a DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = members(archive, path)
            yield archive, infos, any(image_folder.is_image(info.filename) for info in infos)
    except OSError as error:
        raise DataError(f"cannot unpack the archive: {error.strerror or error}", where=str(path)) from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"the archive is damaged: {error}", where=str(path)) from error


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    with _opened(path) as (archive, infos, images):
        yield from _images(archive, infos, path) if images else _tables(archive, infos, path, reading)


def _images(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], path: Path) -> Iterator[Example | Bad]:
    for info in infos:
        if not image_folder.is_image(info.filename):
            continue
        where = f"{path}/{info.filename}"
        if info.file_size > image_folder.LARGEST:
            yield Bad(where, "the image file is too large", f"{info.file_size} bytes", f"{image_folder.LARGEST} bytes")
        else:
            yield image_folder.example(archive.read(info), info.filename, where, path.name)


def _tables(
    archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], path: Path, reading: Reading
) -> Iterator[Example | Bad]:
    with tempfile.TemporaryDirectory(prefix="modelworks-zip-") as name:
        folder = Path(name)
        for unit in _units(archive, infos, folder, path):
            try:
                for one in formats.detect(unit).read(unit, reading):
                    yield _placed(one, folder, path, file_split(unit.relative_to(folder).as_posix()))
            except DataError as error:
                error.where = _rename(error.where, folder, path)
                raise
            if unit.is_file():
                unit.unlink()


def _units(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], folder: Path, path: Path) -> Iterator[Path]:
    """What lies in the archive, unpacked when asked for: a whole Hugging Face folder, or data files one by one."""
    roots = [PurePosixPath(i.filename).parent for i in infos if PurePosixPath(i.filename).name == huggingface.DICT]
    roots = roots or [
        PurePosixPath(i.filename).parent for i in infos if PurePosixPath(i.filename).name == huggingface.STATE
    ]
    if roots:
        for info in infos:
            _unpack(archive, info, folder)
        yield from (folder / root for root in roots)
        return
    wanted = [info for info in infos if formats.is_data(info.filename) and not info.filename.lower().endswith(".zip")]
    if not wanted:
        raise DataError(
            "the archive holds no data that I know", where=str(path), allowed=(*formats.DATA, *image_folder.SUFFIXES)
        )
    yield from (_unpack(archive, info, folder) for info in wanted)


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path) -> Path:
    target = folder / info.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(info) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 2**20)
    return target


def _placed(one: Example | Bad, folder: Path, path: Path, split: str) -> Example | Bad:
    where = _rename(one.where, folder, path)
    if isinstance(one, Bad):
        return replace(one, where=where)
    return replace(one, where=where, split=one.split or split)


def _rename(where: str, folder: Path, path: Path) -> str:
    return where.replace(str(folder), str(path), 1)


def guess(path: Path, reading: Reading) -> dict[str, str]:
    with _opened(path) as (archive, infos, images), tempfile.TemporaryDirectory(prefix="modelworks-zip-") as name:
        unit = None if images else next(_units(archive, infos, Path(name), path))
        inner = formats.detect(unit).guess if unit else None
        return inner(unit, reading) if inner and unit else {}


def sniff(path: Path, head: bytes) -> float:
    return 1.0 if head[:4] in (b"PK\x03\x04", b"PK\x05\x06") else 0.0


FORMAT = Format(
    name="zip",
    summary="a zip of an image folder, of tables, or of a Hugging Face folder",
    suffixes=(".zip",),
    sniff=sniff,
    read=read,
    guess=guess,
)
