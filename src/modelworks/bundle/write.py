"""Making bundles: `write` seals a folder, `derive` makes a variant of a bundle. A bundle is never edited."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelworks.bundle import card, selftest
from modelworks.bundle.manifest import NAME, Draft, File, Manifest, Runtime, encode, seal
from modelworks.bundle.verify import check_content, present, verify_folder
from modelworks.core import files as atomic
from modelworks.core import hashing
from modelworks.core.errors import BundleError
from modelworks.core.files import contained


def write(folder: Path, draft: Draft, *, scores: Mapping[str, Any] | None = None) -> Manifest:
    """Seal a folder whose files lie in place: write the card, hash every file, write `manifest.json` last.

    `scores` (as in report.json) are shown on the card. A BundleError when anything in it would not open."""
    if (folder / NAME).exists():
        raise BundleError("already a bundle, and a bundle is never edited", where=str(folder), hint="derive a new one")
    (folder / card.NAME).write_text(card.render(draft, scores or {}), "utf-8")
    files = hashed(folder)
    manifest = seal(draft, files)
    check_content(folder, files, manifest)
    atomic.write_bytes(folder / NAME, encode(manifest))
    return manifest


def hashed(folder: Path) -> dict[str, File]:
    """Hash and size of every file of a bundle folder but the manifest and signature, by relative path."""
    return {relative: _file(folder / relative) for relative in sorted(present(folder))}


def _file(path: Path) -> File:
    return File(sha256=hashing.file_digest(path), bytes=path.stat().st_size)


def derive(
    parent: Path,
    folder: Path,
    *,
    variant: str,
    files: Mapping[str, Path] = {},
    runtime: Mapping[str, Any] | None = None,
) -> Manifest:
    """A variant of a bundle folder: its files with some replaced, its runtime with some settings changed.

    The self-test is recorded anew, because other numbers give other answers: whether they are good enough is for the
    caller to measure."""
    old = verify_folder(parent)
    if strange := sorted(set(files) - set(old.files)):
        raise BundleError("a variant replaces files, it adds none", where=str(folder), seen=strange[0])
    if folder.exists() and any(folder.iterdir()):
        raise BundleError("a bundle is derived into an empty folder", where=str(folder))
    fields = {name: getattr(old, name) for name in Draft.__struct_fields__}
    fields |= {"parent": old.id, "variant": variant, "runtime": _runtime(old, runtime or {})}
    for relative in old.files:
        target = contained(folder, relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files.get(relative, parent / relative), target)
    draft = Draft(**fields)
    selftest.record_again(folder, draft)
    return write(folder, draft)


def _runtime(old: Manifest, changes: Mapping[str, Any]) -> Runtime:
    try:
        return msgspec.convert({**msgspec.to_builtins(old.runtime), **changes}, Runtime)
    except msgspec.ValidationError as error:
        allowed = [field.name for field in msgspec.structs.fields(Runtime)]
        raise BundleError(f"not a runtime: {error}", where="runtime", seen=dict(changes), allowed=allowed) from error
