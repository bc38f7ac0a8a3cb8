"""The part of a bundle that turns texts into vectors: its program up to there, with an identity of its own.

A collection holds vectors, and only queries whose vectors were made in the same way can search it. So what made them is
named by a digest of operations, parameters, and content of files, and not by names, which change when bundles are put
together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from modelworks.bundle import sessions
from modelworks.bundle.interpreter import Interpreter
from modelworks.bundle.manifest import Draft, File, Manifest
from modelworks.bundle.resources import open_resources
from modelworks.bundle.verify import verify_folder
from modelworks.contracts.program import Call, Program, aliased
from modelworks.core import hashing
from modelworks.core.errors import BundleError
from modelworks.kinds import Text

_READERS = {"hits.search.v1": 1, "vectors.list.v1": 0}
"""Operation -> which of its inputs holds vectors of texts."""
_ASKED = "hits.question.v1"
"""What it leaves is the text to be searched for: the vectors begin there."""


class Encoder:
    """Texts to vectors, by the graphs of a bundle.

    Attributes:
        identity: what made the vectors, 64 hexadecimal digits.
        tokenizer: the bundle's, which long documents are cut by.
        room: subwords that it reads at once.
    """

    def __init__(self, manifest: Draft, files: dict[str, File], interpreter: Interpreter, tokenizer: object) -> None:
        self.identity = identity(manifest, files)
        self.tokenizer = tokenizer
        self.room = _room(manifest.program)
        self._interpreter, self._batch = interpreter, manifest.runtime.batch

    @classmethod
    def open(cls, folder: Path, manifest: Manifest | None = None) -> Encoder:
        """Of a bundle folder; a BundleError when it makes no vectors of texts."""
        manifest = manifest or verify_folder(folder)
        return cls.of(folder, manifest, manifest.files)

    @classmethod
    def of(cls, folder: Path, draft: Draft, files: dict[str, File]) -> Encoder:
        """Of a bundle folder that is being made."""
        program = encoding(draft.program)
        used = {aliased(name)[1] for call in program.calls for name in call.resources}
        entries = [entry for entry in draft.resources if entry.name in used]
        resources = open_resources(folder, entries)
        graphs = sessions.open_graphs(folder, _only(draft, program), None)
        interpreter = Interpreter(
            program, graphs, resources, entries=draft.graphs, input="text", prediction="embedding"
        )
        tokenizer = next((resources[entry.name] for entry in entries if entry.type == "tokenizer"), None)
        return cls(draft, files, interpreter, tokenizer)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors float32 [N, D] of texts of any number; the same for a text whatever the others are."""
        rows = self._interpreter.prepare([Text(text) for text in texts])
        order = sorted(range(len(rows)), key=lambda i: rows[i].length)
        vectors: dict[int, np.ndarray] = {}
        for start in range(0, len(order), self._batch):
            batch = order[start : start + self._batch]
            columns = self._interpreter.columns([rows[i] for i in batch])
            vectors.update(zip(batch, np.asarray(columns["embedding"], dtype=np.float32), strict=True))
        return np.stack([vectors[i] for i in range(len(rows))]) if rows else np.empty((0, 0), dtype=np.float32)


def encoding(program: Program) -> Program:
    """The part of a program that makes vectors of its texts."""
    for call in program.calls:
        if call.op in _READERS:
            wanted = call.inputs[_READERS[call.op]]
            calls = _needed(program.calls, wanted)
            made = {name for one in calls for name in one.outputs}
            inputs = {name: "text" for one in calls for name in one.inputs if name not in made}
            length = next((n for one in calls for n in one.outputs if n == program.length), None)
            return Program(inputs=inputs, calls=calls, outputs={"embedding": wanted}, length=length)
    raise BundleError("the bundle makes no vectors of texts", where="program", allowed=list(_READERS))


def _needed(calls: Sequence[Call], wanted: str) -> tuple[Call, ...]:
    """The calls that a variable depends on, in order."""
    names, kept = {wanted}, []
    for call in reversed(calls):
        if names & set(call.outputs) and call.op != _ASKED:
            kept.append(call)
            names |= set(call.inputs)
    return tuple(reversed(kept))


def _only(draft: Draft, program: Program) -> Draft:
    return msgspec.structs.replace(draft, graphs=tuple(g for g in draft.graphs if g.name in program.graphs))


def identity(draft: Draft, files: dict[str, File]) -> str:
    """What makes the vectors of a bundle: a digest that does not depend on the names of variables, graphs and files."""
    graphs = {graph.name: files[graph.file].sha256 for graph in draft.graphs}
    resources = {one.name: files[one.file].sha256 for one in draft.resources if one.file in files}
    known: dict[str, int] = {}
    lines = []
    for call in encoding(draft.program).calls:
        places = [known.setdefault(name, len(known)) for name in (*call.inputs, *call.outputs)]
        used = [graphs[aliased(name)[1]] for name in (*call.graphs, *((call.graph,) if call.graph else ()))]
        used += [resources[aliased(name)[1]] for name in call.resources]
        lines.append([call.op or "", call.params, places, used])
    return hashing.digest("encoder", lines)


def _room(program: Program) -> int:
    """Most subwords of one text."""
    found = [call.params["max_length"] for call in encoding(program).calls if call.params.get("max_length")]
    return int(min(found, default=512))
