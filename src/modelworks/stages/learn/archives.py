"""Archives of torch, made harmless before torch opens them.

TorchScript files and exported programs are zips. Torch's own readers run more than tensors out of them: an exported
program may hold pickles, strings that are evaluated as Python, and names of any function of torch; TorchScript may
write files. So a file is first read as a plain zip, its parts are held against what a network needs, and torch is given
an archive that was written anew from these parts alone. What does not pass is refused, and never half done.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelworks.core.errors import BundleError

MOST = 16 * 2**30
"""Bytes unpacked."""
_OPERATOR = re.compile(
    r"torch\.ops\.aten\.(?!from_file\.|save\.)\w+\.\w+"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|pow|eq|ne|ge|gt|le|lt|getitem)|torch\.sym_\w+"
)
_SIZE = re.compile(
    r"(Symbol|Integer|Add|Mul|Pow|Max|Min|FloorDiv|Mod|Eq|Ne|Ge|Gt|Le|Lt|positive|nonnegative|integer|True|False"
    r"|'[a-z]{1,3}\d+'|[a-z]\d+|\d+|[(),=\s*+-])*"
)
_TREES = (None, "builtins.tuple", "builtins.list", "builtins.dict")
_WRITES = re.compile(
    r"\btorch\.(save|from_file|classes)\b|\bops\.(?!prim\.|aten\.)\w+|\bops\.aten\.(save|from_file)\b|__setstate__"
)
_SCRIPT = re.compile(r"code/.+\.py|(data|constants|tensors)/\d+|data\.pkl|constants\.pkl|version|byteorder")
_MARKS = ("archive_format", "archive_version", "byteorder", "version", ".data/version")
_NAMED: dict[str, list[str]] = {"guards_code": [], "verifiers": []}
"""Of a program's description: Python that would be evaluated, and that nothing needs."""


def exported_program(file: Path) -> io.BytesIO:
    """The archive of an exported program with nothing but tensors, a graph of aten operations and sizes."""
    import torch

    parts = _parts(file)
    names = [name for name in parts if re.fullmatch(r"models/\w+\.json", name)]
    if names != ["models/model.json"] or "data/sample_inputs/model.pt" not in parts:
        raise BundleError(
            "not one exported program", where=str(file), seen=sorted(parts)[:8],
            hint="write it with torch.export.save of this version of torch or a near one",
        )  # fmt: skip
    kept: dict[str, bytes] = {name: parts[name] for name in _MARKS if name in parts}
    kept["models/model.json"] = json.dumps(_described(json.loads(parts["models/model.json"]), file)).encode()
    for kind in ("weights", "constants"):
        place = f"data/{kind}/model_{kind}_config.json"
        kept[place] = parts[place]
        for payload in json.loads(parts[place])["config"].values():
            name = f"data/{kind}/{payload['path_name']}"
            if payload["use_pickle"] or not re.fullmatch(r"(weight|tensor)_\d+", payload["path_name"]):
                raise _refused(file, "a pickled part", payload["path_name"])
            kept[name] = parts[name]
    sample = io.BytesIO()
    try:
        loaded = torch.load(io.BytesIO(parts["data/sample_inputs/model.pt"]), weights_only=True)
    except Exception as error:
        raise _refused(file, "sample inputs that are more than tensors", str(error)) from error
    torch.save(loaded, sample)
    kept["data/sample_inputs/model.pt"] = sample.getvalue()
    return _written(kept)


def torch_script(file: Path) -> io.BytesIO:
    """A TorchScript archive whose code cannot write files, call foreign operations, or run when it is loaded."""
    parts = _parts(file)
    if "data.pkl" not in parts or not any(name.startswith("code/") for name in parts):
        raise BundleError(
            "not a TorchScript archive", where=str(file), seen=sorted(parts)[:8],
            hint="torch.jit.save(torch.jit.script(model), FILE); a file of torch.save is a state-dict",
        )  # fmt: skip
    kept = {name: data for name, data in parts.items() if _SCRIPT.fullmatch(name)}
    for name, data in kept.items():
        found = _WRITES.search(data.decode("utf-8")) if name.startswith("code/") else None
        if found:
            raise _refused(file, "code that is more than a network", f"{found[0]} in {name}")
    return _written(kept)


def _parts(file: Path) -> dict[str, bytes]:
    """Names below the archive's one folder -> content."""
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(info.file_size for info in archive.infolist()) > MOST:
                raise BundleError("the archive is too large", where=str(file), allowed=f"{MOST} bytes")
            return {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"not an archive of torch: {error}", where=str(file)) from error


def _written(parts: dict[str, bytes]) -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(f"archive/{name}", data)
    made.seek(0)
    return made


def _described(program: dict[str, Any], file: Path) -> dict[str, Any]:
    """The program's description without what would be evaluated; BundleError for what a network does not need."""
    program |= _NAMED
    for item in _walk(program):
        if "metadata" in item:
            item["metadata"] = {}
        if "target" in item and not _OPERATOR.fullmatch(str(item["target"])):
            raise _refused(file, "an operation that is not aten's", str(item["target"]))
        if "expr_str" in item and not _SIZE.fullmatch(str(item["expr_str"])):
            raise _refused(file, "a size that is no sum or product", str(item["expr_str"]))
        for name in ("in_spec", "out_spec"):
            spec = json.loads(item[name]) if item.get(name) else {}
            for tree in _walk(spec):
                if "children_spec" in tree and tree.get("type") not in _TREES:
                    raise _refused(file, "an input or output that is no tuple, list or dict", str(tree["type"]))
    return program


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    """All mappings in plain data."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _walk(item)


def _refused(file: Path, what: str, seen: str) -> BundleError:
    return BundleError(
        f"the file holds {what}, which could run code", where=str(file), seen=seen,
        hint="export the model to ONNX in a place you trust, and import that",
    )  # fmt: skip
