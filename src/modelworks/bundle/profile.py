"""The reference profile: how inputs and answers were spread when the bundle was made. Drift is measured against it.

`profile.json` holds counts and quantiles, no examples:

- `examples`: how many inputs it was taken from;
- `size`: 101 quantiles (0 %, 1 % … 100 %) of the inputs' size (characters, bytes);
- `labels`: label -> how often it was answered (for spans: how many spans);
- `score`: 101 quantiles of the answers' scores;
- `items`: 101 quantiles of the number of labels in one answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from modelworks.core import files
from modelworks.core.errors import BundleError
from modelworks.kinds import Kind

NAME = "profile.json"


class Profile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`profile.json`."""

    examples: int
    size: tuple[float, ...]
    labels: dict[str, int]
    score: tuple[float, ...]
    items: tuple[float, ...]


def measure(inputs: Iterable[Kind], predictions: Iterable[Kind]) -> Profile:
    """The profile of some inputs and their predictions."""
    sizes: list[float] = []
    scores: list[float] = []
    items: list[float] = []
    labels: Counter[str] = Counter()
    for value, answer in zip(inputs, predictions, strict=True):
        found = list(answer.labels())
        labels.update(found)
        sizes.append(value.size())
        items.append(len(found))
        scores.extend(scores_of(answer))
    return Profile(
        examples=len(sizes), size=_quantiles(sizes), labels=dict(sorted(labels.items())),
        score=_quantiles(scores), items=_quantiles(items),
    )  # fmt: skip


def record_profile(folder: Path, inputs: Iterable[Kind], predictions: Iterable[Kind]) -> Profile:
    """Write `profile.json` into a bundle folder that is not sealed yet."""
    profile = measure(inputs, predictions)
    files.write_bytes(folder / NAME, msgspec.json.encode(profile, order="sorted") + b"\n")
    return profile


def read(folder: Path) -> Profile | None:
    """The profile of a bundle folder; None when it has none."""
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Profile) if path.is_file() else None
    except msgspec.MsgspecError as error:
        raise BundleError(f"the profile is damaged: {error}", where=str(path)) from error


def scores_of(answer: Any) -> list[float]:
    """The score of an answer, or of each thing it lists; none where it has none."""
    if isinstance(answer, Struct) and hasattr(answer, "score"):
        return [float(answer.score)]
    lists = [getattr(answer, name) for name in answer.__struct_fields__]
    return [score for items in lists if isinstance(items, tuple) for item in items for score in _item(item)]


def _item(item: Any) -> list[float]:
    return [float(item.score)] if hasattr(item, "score") else []


def _quantiles(values: Sequence[float]) -> tuple[float, ...]:
    if not values:
        return ()
    return tuple(round(float(v), 6) for v in np.quantile(np.asarray(values, np.float64), np.linspace(0, 1, 101)))
