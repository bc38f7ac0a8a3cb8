"""Tiny bundles, labelled examples and dataset artifacts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from tiny_bundle import LABELS, WORDS, make_bundle

from modelworks.kinds import Example, Label, Text


def texts(n: int, seed: int = 0, noise: float = 0.15) -> list[Example]:
    """Examples whose label is what the words say, but for a share of `noise`."""
    generator = np.random.default_rng(seed)
    found = []
    for i in range(n):
        sure = "good" if generator.random() < 0.5 else "bad"
        words = [sure, *generator.choice(WORDS[4:], size=int(generator.integers(1, 12)))]
        right = (sure == "good") != (generator.random() < noise)
        meta = {"source": "web" if i % 3 else "mail"}
        found.append(Example(f"e{i}", Text(" ".join(words)), Label(LABELS[int(right)]), meta, "test", f"f.csv:{i + 1}"))
    return found


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle artifact: a folder with bundle/ in it."""
    folder = tmp_path_factory.mktemp("artifact")
    make_bundle(folder / "bundle")
    return folder


@pytest.fixture(scope="session")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that says positive too often."""
    folder = tmp_path_factory.mktemp("shifted")
    make_bundle(folder / "bundle", shift=2.5)
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset artifact with 300 test examples."""
    return make_dataset(tmp_path_factory.mktemp("data") / "d", texts(300))


def make_dataset(folder: Path, test: list[Example]) -> Path:
    from dataclasses import replace

    from modelworks.dataset.dataset import create

    others = [replace(e, id=f"{s}-{e.id}", split=s) for s in ("train", "dev") for e in texts(80, seed=5)]
    create(folder, [*others, *test], input="text", target="label")
    return folder


@pytest.fixture(scope="session")
def examples():
    """The maker of labelled texts."""
    return texts


@pytest.fixture(scope="session")
def dataset_maker():
    """The maker of dataset artifacts."""
    return make_dataset


@pytest.fixture
def work(tmp_path: Path):
    """A maker of Work over inputs and parameters."""
    from modelworks.contracts.step import Work

    def make(name: str, inputs: dict[str, Path], **params):
        output, scratch = tmp_path / name, tmp_path / f"{name}-scratch"
        output.mkdir()
        scratch.mkdir()
        return Work(inputs=inputs, params=params, output=output, scratch=scratch, project=tmp_path, cache=tmp_path)

    return make
