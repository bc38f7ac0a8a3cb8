"""Documents as training rows: one a sentence, with windows of characters for the segmenter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelworks.bundle import open_resources
from modelworks.contracts import op as ops
from modelworks.contracts.family import Front
from modelworks.ops import _parsed
from modelworks.ops.lemma import script
from modelworks.stages.learn import base, tree_fronts

_LONGEST = 120
"""Longer sentences are left out of training: their scores of arcs would fill the memory of a batch."""
SENTENCES_A_WINDOW = 8
"""Sentences of a batch for each window of characters: so the segmenter sees a character about every second epoch."""
_WINDOW, _WRAPPED = 400, 0.3
"""Characters of a window; the share of windows in which lines break near one width, as files often have them."""
_BLANK, _BREAK = ord(" ") + 1, ord("\n") + 1
"""Ids of `parse.points.v1`."""


class Files:
    """What word operations reach while training: the resources that `prepare` wrote."""

    def __init__(self, front: Front, folder: Path) -> None:
        self._opened = open_resources(folder, front.resources)

    def run(self, graph: str, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """There are no graphs here."""
        raise KeyError(graph)

    def resource(self, name: str) -> Any:
        """An opened resource."""
        return self._opened[name]


def numericalize(rows: base.Rows, front: Front, folder: Path) -> list[dict[str, Any]]:
    """Rows of documents -> rows of sentences: the words' features [n, …], `upos`, `xpos`, `feats`, `scripts`, `heads`,
    `deprel` int64 [n]; and of the document `points` and `segments` with `start`, the sentence's first character."""
    files = Files(front, folder)
    scripts = {name: number for number, name in enumerate(files.resource("scripts"))}
    calls = [call for call in front.body.after if call.inputs == ("forms",)]
    longest = min(_LONGEST, *(c.params["most"] for c in front.body.after if c.op == "parse.limit.v1"))
    found = []
    for row in rows:
        forms = row["forms"].tolist()
        columns = {call.outputs[0]: ops.find(str(call.op)).run(files, [forms], **call.params)[0] for call in calls}
        edits = [script(form, lemma) for form, lemma in zip(forms, row["lemmas"].tolist(), strict=True)]
        columns["scripts"] = np.array([scripts.get(edit, base.IGNORED) for edit in edits], dtype=np.int64)
        columns |= {name: row[name] for name in ("upos", "xpos", "feats", "heads", "deprel")}
        document = {"points": row["points"], "segments": row["labels"]}
        ends = np.cumsum(row["sentences"]).tolist()
        for a, b in zip([0, *ends[:-1]], ends, strict=True):
            if 0 < b - a <= longest:
                sentence = {name: column[a:b] for name, column in columns.items()}
                found.append({**sentence, **document, "start": int(row["words"][a, 0]), "labels": sentence["deprel"]})
    return found


def collate(rows: base.Rows, front: Front) -> dict[str, torch.Tensor]:
    """Sentences as `parse.sentences.v1` feeds them, with their targets."""
    parsing = next(call for call in front.body.after if call.op == "parse.sentences.v1")
    size = _parsed.padded(max(len(row["heads"]) for row in rows))
    lengths = np.array([len(row["heads"]) for row in rows])
    made = {"attention_mask": (np.arange(size) < lengths[:, None]).astype(np.int64)}
    made |= {name: _parsed.stacked([row[name] for row in rows], size) for name in tree_fronts.WORDS}
    if "subwords" in parsing.params:
        made |= _parsed.framed([row["subwords"] for row in rows], **parsing.params["subwords"])
    for name in tree_fronts.COLUMNS:
        made[name] = np.where(
            made["attention_mask"] > 0, _parsed.stacked([row[name] for row in rows], size), base.IGNORED
        )
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in made.items()}


def windows(rows: Sequence[Mapping[str, Any]], random: np.random.Generator) -> dict[str, torch.Tensor]:
    """Characters around some sentences: `points`, `points_mask` and the targets `segments`."""
    cut = [_window(row, random) for row in rows]
    points = [_wrapped(seen, random) if random.random() < _WRAPPED else seen for seen, _ in cut]
    segments = [ends for _, ends in cut]
    return {
        "points": base.pad(points, multiple=base.MULTIPLE),
        "points_mask": base.mask(points, base.MULTIPLE),
        "segments": base.pad(segments, base.IGNORED, base.MULTIPLE),
    }


def _window(row: Mapping[str, Any], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    start = max(0, row["start"] - int(random.integers(_WINDOW)))
    start = max(0, min(start, len(row["points"]) - _WINDOW))
    return row["points"][start : start + _WINDOW], row["segments"][start : start + _WINDOW]


def _wrapped(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    points, width = points.copy(), int(random.integers(60, 100))
    blanks = np.flatnonzero(points[:, 0] == _BLANK)
    last = -int(random.integers(width))
    for place, following in zip(blanks[:-1].tolist(), blanks[1:].tolist(), strict=True):
        if following - last > width:
            points[place, 0], last = _BREAK, place
    return points
