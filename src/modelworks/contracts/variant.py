"""Variant: a bundle derived from a bundle. A leaf `modelworks/stages/optimize/variants/<name>.py` sets `VARIANT`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Feeds = Callable[[str], Iterable[Mapping[str, np.ndarray]]]
"""Graph name -> recorded calibration feeds (arrays by input name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How one variant is made."""

    name: str
    summary: str
    transform: Callable[[Path, Path, Feeds], None] | None = None
    """(graph file, file to write, feeds for calibration) for each graph; None when the graphs stay as they are."""
    runtime: Mapping[str, Any] | None = None
    """Runtime settings stored in the manifest (`threads`, `optimization`), beside or instead of a transform."""
    parity: float = 0.0
    """Largest difference of output scores that counts as the same answer; 0 for the default of exact variants."""
