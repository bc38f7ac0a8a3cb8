"""The manifest: all that a bundle says of itself, and its id. docs/bundle-format.md is the specification."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from modelworks.contracts.family import Graph, Resource
from modelworks.contracts.program import Program
from modelworks.core import hashing
from modelworks.core.errors import BundleError

FORMAT = 1
NAME = "manifest.json"
SIGNATURE = "model.sig"
MAX_MANIFEST = 16 * 1024 * 1024
SUFFIXES = (".onnx", ".data", ".json", ".npy", ".txt", ".md", ".gguf")
"""The only file types a bundle may hold."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Beyond these an input is refused (status 413)."""

    max_characters: int = 100_000
    """Unicode code points of one text."""
    max_bytes: int = 16 * 1024 * 1024
    """Bytes of one encoded picture."""
    max_pixels: int = 50_000_000
    """Width times height of one picture."""
    max_batch: int = 1024
    """Inputs of one request to a server."""


class Runtime(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the graphs run best, as measured."""

    threads: int = 1
    """Threads inside one graph call."""
    optimization: Literal["disabled", "basic", "extended", "layout", "all"] = "all"
    """How far the engine may rewrite a graph when it opens it."""
    batch: int = 32
    """Most rows of one graph call."""
    budget: int = 2048
    """Most padded length of one graph call: rows times the longest row's length."""


class File(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file's content: SHA-256 (64 hexadecimal digits) and size."""

    sha256: str
    bytes: int


class Licence(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Under what a weight or data set in this bundle's making may be used."""

    what: str
    licence: str
    source: str


class Draft(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A manifest before its files are hashed."""

    name: str
    task: str
    input: str
    target: str
    prediction: str
    """Names of kinds."""
    labels: tuple[str, ...]
    program: Program
    graphs: tuple[Graph, ...]
    resources: tuple[Resource, ...] = ()
    metrics: tuple[str, ...] = ()
    """Names of metrics; the first is primary."""
    limits: Limits = Limits()
    runtime: Runtime = Runtime()
    parent: str | None = None
    """Id of the bundle this one was derived from."""
    variant: str = "original"
    provenance: dict[str, Any] = {}
    """Plain data: commit, dataset, step keys, versions, seeds. No times: equal makings have equal ids."""
    licences: tuple[Licence, ...] = ()
    format: int = FORMAT


class Manifest(Draft, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `manifest.json` holds."""

    id: str
    """64 hexadecimal digits that identify the bundle: the digest of all other keys, hence of every byte of it."""
    files: dict[str, File]
    """Every file of the bundle besides `manifest.json` and the signature, by relative path."""


def seal(draft: Draft, files: dict[str, File]) -> Manifest:
    """The manifest of a draft and its files."""
    plain = {**msgspec.to_builtins(draft), "files": msgspec.to_builtins(files)}
    return msgspec.convert({"id": hashing.digest("bundle", plain), **plain}, Manifest)


def encode(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`."""
    return hashing.canonical(msgspec.to_builtins(manifest)) + b"\n"


def decode(data: bytes, where: str) -> Manifest:
    """The manifest that bytes hold; a BundleError unless they are canonical, bear the right id, and are known."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{NAME} is not JSON: {error}", where=where) from error
    _known_format(value, where)
    rest = {key: value[key] for key in value if key != "id"}
    if _canonical(value) != data or value.get("id") != hashing.digest("bundle", rest):
        raise BundleError(
            f"{NAME} was altered: its bytes are not those its id stands for", where=where, seen=value.get("id")
        )
    try:
        return msgspec.convert(value, Manifest)
    except msgspec.ValidationError as error:
        raise BundleError(
            f"{NAME} is not valid: {error}",
            where=where,
            hint="a newer modelworks may know it: pip install -U modelworks",
        ) from error


def _canonical(value: Any) -> bytes:
    try:
        return hashing.canonical(value) + b"\n"
    except ValueError:  # NaN or an infinity
        return b""


def _known_format(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise BundleError(f"{NAME} is not a mapping", where=where)
    if value.get("format") != FORMAT:
        raise BundleError(
            "unknown bundle format version", where=where, seen=value.get("format"), allowed=str(FORMAT),
            hint="a newer modelworks may know it: pip install -U modelworks",
        )  # fmt: skip


def open_manifest(folder: Path) -> Manifest:
    """The manifest of a bundle, a folder or a .zip. Checks the manifest alone: `verify` checks the files."""
    if folder.is_file():
        return _open_zipped(folder)
    path = folder / NAME
    try:
        if path.is_symlink() or path.stat().st_size > MAX_MANIFEST:
            raise BundleError(f"{NAME} is a link or too large", where=str(path), allowed=f"{MAX_MANIFEST} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"not a bundle: cannot read {NAME} ({error.strerror})", where=str(folder),
            hint="a bundle is a folder, or a .zip, with a manifest.json",
        ) from error  # fmt: skip
    return decode(data, str(path))


def _open_zipped(path: Path) -> Manifest:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(NAME) as stream:
            data = stream.read(MAX_MANIFEST + 1)
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise BundleError(f"not a bundle: cannot read {NAME} ({error})", where=str(path)) from error
    if len(data) > MAX_MANIFEST:
        raise BundleError(f"{NAME} is too large", where=str(path), allowed=f"{MAX_MANIFEST} bytes")
    return decode(data, f"{path}/{NAME}")
