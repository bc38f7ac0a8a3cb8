"""Is a bundle whole, unaltered and safe to open? Everything here happens before any graph is loaded."""

from __future__ import annotations

from pathlib import Path

from modelworks.bundle import archive, scan
from modelworks.bundle.manifest import NAME, SIGNATURE, File, Manifest, open_manifest
from modelworks.bundle.resources import TYPES
from modelworks.bundle.signature import check_signature
from modelworks.core import hashing, registry
from modelworks.core.errors import BundleError, ConfigError
from modelworks.core.files import contained
from modelworks.kinds.base import named

ENGINES = "modelworks.bundle.engines"


def verify(path: Path, *, require_signature: Path | None = None) -> Manifest:
    """The manifest of a bundle (folder or .zip) that is whole, unaltered and safe; a BundleError otherwise.

    `require_signature` is a public key (PEM, EC P-256): then the bundle must carry a signature made with its other
    half, over the files as they are."""
    with archive.opened(path) as folder:
        return verify_folder(folder, require_signature)


def verify_folder(folder: Path, public_key: Path | None = None) -> Manifest:
    """`verify` for a folder."""
    manifest = open_manifest(folder)
    _listed(folder, manifest)
    for relative, file in manifest.files.items():
        _same(folder, relative, file)
    if public_key is not None:
        check_signature(folder, public_key)
    check_content(folder, manifest.files, manifest)
    return manifest


def check_content(folder: Path, files: dict[str, File], manifest: Manifest) -> None:
    """Types of files, names of kinds, graphs, resources and ops, and external data of graphs."""
    for relative in files:
        scan.check_file(contained(folder, relative), relative)
    for kind in (manifest.input, manifest.target, manifest.prediction):
        _known_kind(kind, folder)
    engines = registry.names(ENGINES)
    for graph in manifest.graphs:
        _entry(graph.name, graph.file, folder, files)
        if graph.engine not in engines:
            raise BundleError(
                "unknown engine", where=f"{folder}, graph {graph.name}", seen=graph.engine, allowed=engines
            )
        if graph.engine == "onnx":
            scan.check_external(folder, graph.file, files)
    for resource in manifest.resources:
        _entry(resource.name, resource.file, folder, files)
        if resource.type not in TYPES:
            raise BundleError("unknown type of resource", where=str(folder), seen=resource.type, allowed=sorted(TYPES))
    try:
        manifest.program.check({g.name for g in manifest.graphs}, {r.name for r in manifest.resources})
    except BundleError as error:
        error.where = f"{folder}, {error.where or 'program'}"
        raise


def _known_kind(name: str, folder: Path) -> None:
    try:
        named(name)
    except ConfigError as error:
        raise BundleError(error.message, where=str(folder), seen=name, allowed=error.allowed) from error


def _entry(name: str, file: str, folder: Path, files: dict[str, File]) -> None:
    if file not in files:
        raise BundleError(f"the file of {name!r} is missing", where=str(folder), seen=file, allowed=sorted(files))


def present(folder: Path) -> set[str]:
    """Relative paths of a bundle folder's files, without the manifest and signature; no links, not too many."""
    found = set()
    for number, path in enumerate(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if number > archive.MAX_FILES:
            raise BundleError("too many files", where=str(folder), allowed=f"at most {archive.MAX_FILES}")
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise BundleError("links and special files are not allowed", where=str(folder), seen=relative)
        if path.is_file() and relative not in (NAME, SIGNATURE):
            found.add(relative)
    return found


def _listed(folder: Path, manifest: Manifest) -> None:
    for relative in manifest.files:
        contained(folder, relative)
    here = present(folder)
    if missing := sorted(set(manifest.files) - here):
        raise BundleError("a file is missing", where=str(folder), seen=missing[0])
    if extra := sorted(here - set(manifest.files)):
        raise BundleError("a file is not listed in the manifest", where=str(folder), seen=extra[0])


def _same(folder: Path, relative: str, file: File) -> None:
    path = folder / relative
    size = path.stat().st_size
    if size != file.bytes:
        raise BundleError("a file was cut or altered", where=str(path), seen=f"{size} bytes", allowed=f"{file.bytes}")
    if hashing.file_digest(path) != file.sha256:
        raise BundleError(
            "a file was altered: its SHA-256 is not the one listed", where=str(path), seen=relative,
            hint="get the bundle again from where it came",
        )  # fmt: skip
