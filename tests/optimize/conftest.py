"""A tiny bundle and labelled examples."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from tiny_bundle import LABELS, WORDS, make_bundle

from modelworks.kinds import Example, Label, Text


@pytest.fixture(scope="session")
def sample() -> list[Example]:
    """Labelled texts that the bundle answers rightly but for a few."""
    generator = np.random.default_rng(0)
    found = []
    for i in range(120):
        sure = "good" if generator.random() < 0.5 else "bad"
        words = [sure, *generator.choice(WORDS[4:], size=int(generator.integers(1, 12)))]
        right = (sure == "good") != (generator.random() < 0.1)
        found.append(Example(f"e{i}", Text(" ".join(words)), Label(LABELS[int(right)]), {}, "dev", f"f.csv:{i + 1}"))
    return found


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle folder, wide enough that 8-bit weights are smaller."""
    return make_bundle(tmp_path_factory.mktemp("tiny") / "bundle", wide=256)
