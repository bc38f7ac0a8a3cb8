"""A folder of images whose folder names are the labels: CLASS/x.jpg, or train/CLASS/x.jpg, dev/CLASS/x.jpg…"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError
from modelworks.formats._splits import split_of
from modelworks.kinds import Example, Image, Label

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
LARGEST = 64 * 2**20
"""Bytes of one image file."""


def is_image(name: str) -> bool:
    """Does the file name end as an image's?"""
    return name.lower().endswith(SUFFIXES)


def place(relative: str) -> tuple[str, str]:
    """(split, label) from a path inside the folder: the first folder names that say so; "" where none does."""
    folders = list(PurePosixPath(relative).parts[:-1])
    split = ""
    for number, folder in enumerate(folders[:-1]):
        if split_of(folder):
            split, folders = split_of(folder), folders[number + 1 :]
            break
    return split, folders[-1] if folders else ""


def example(data: bytes, relative: str, where: str, name: str) -> Example | Bad:
    """An image file's bytes as an Example."""
    split, label = place(relative)
    if not label:
        return Bad(where, "the image is in no class folder", relative, "CLASS/image.jpg or train/CLASS/image.jpg")
    if not data:
        return Bad(where, "the image file is empty")
    return Example(f"{name}:{relative}", Image(data), Label(label), {}, split, where)


def files(root: Path) -> Iterator[str]:
    """Relative paths of the image files in a folder, sorted folder by folder; hidden ones left out."""
    stack = [""]
    while stack:
        here = stack.pop()
        try:
            with os.scandir(root / here) as entries:
                found = sorted((e for e in entries if not e.name.startswith((".", "__MACOSX"))), key=lambda e: e.name)
        except OSError as error:
            raise DataError(f"cannot read the folder: {error.strerror}", where=str(root / here)) from error
        yield from (f"{here}{e.name}" for e in found if not e.is_dir() and is_image(e.name))
        stack.extend(f"{here}{e.name}/" for e in reversed(found) if e.is_dir())


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    if path.is_file():
        yield _one(path, f"{path.parent.parent.name}/{path.parent.name}/{path.name}", path.parent.name)
        return
    empty = True
    for relative in files(path):
        empty = False
        yield _one(path / relative, relative, path.name)
    if empty:
        raise DataError("the folder holds no images", where=str(path), allowed=SUFFIXES)


def _one(path: Path, relative: str, name: str) -> Example | Bad:
    try:
        if path.stat().st_size > LARGEST:
            return Bad(str(path), "the image file is too large", f"{path.stat().st_size} bytes", f"{LARGEST} bytes")
        return example(path.read_bytes(), relative, str(path), name)
    except OSError as error:
        return Bad(str(path), f"cannot read the file: {error.strerror}")


def sniff(path: Path, head: bytes) -> float:
    if not path.is_dir():
        return 0.9 if is_image(path.name) else 0.0
    return 0.9 if next(files(path), None) else 0.0


FORMAT = Format(
    name="image-folder",
    summary="images in folders named by their class, with or without folders train, dev and test",
    suffixes=SUFFIXES,
    sniff=sniff,
    read=read,
)
