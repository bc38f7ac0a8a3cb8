"""Unchanged sources are recognised, changed ones never missed, and nothing heavy is imported for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelworks.core import paths
from modelworks.core.errors import DataError
from modelworks.dataset import fingerprint as module
from modelworks.dataset.fingerprint import fingerprint, roots, sources

DATA = {"source": "images"}
OLD = 1_600_000_000_000_000_000


def write(path: Path, data: bytes, *, age: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if age:
        os.utime(path, ns=(OLD, OLD))


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with ten files that count as settled although they were just written."""
    monkeypatch.setattr(module, "RACY", -(10**12))
    for number in range(10):
        write(tmp_path / f"images/{'ab'[number % 2]}/{number}.jpg", b"data %d" % number)
    return tmp_path


def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are hashed from now on."""
    names: list[str] = []

    def spy(path: Path) -> str:
        names.append(path.name)
        return real(path)

    real = module.file_digest
    monkeypatch.setattr(module, "file_digest", spy)
    return names


def test_unchanged_files_are_not_read_again(settled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fingerprint(settled, DATA)
    names = hashed(monkeypatch)
    assert fingerprint(settled, DATA) == first
    assert names == []


def test_one_changed_file_is_read_alone(settled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fingerprint(settled, DATA)
    write(settled / "images/a/4.jpg", b"other!")
    names = hashed(monkeypatch)
    assert fingerprint(settled, DATA) != first
    assert names == ["4.jpg"]


def test_same_size_and_mtime_but_other_bytes_are_seen(settled: Path) -> None:
    """The time of the last change of the inode cannot be set back."""
    first = fingerprint(settled, DATA)
    write(settled / "images/a/4.jpg", b"data X")
    assert fingerprint(settled, DATA) != first


def test_it_is_of_names_and_contents(settled: Path) -> None:
    first = fingerprint(settled, DATA)
    os.utime(settled / "images/a/4.jpg")
    assert fingerprint(settled, DATA) == first
    (settled / "images/a/4.jpg").rename(settled / "images/a/44.jpg")
    renamed = fingerprint(settled, DATA)
    assert renamed != first
    (settled / "images/a/44.jpg").unlink()
    assert fingerprint(settled, DATA) not in (first, renamed)


def test_it_does_not_depend_on_the_place(settled: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for path in settled.rglob("*.jpg"):
        write(other / path.relative_to(settled), path.read_bytes(), age=False)
    assert fingerprint(other, DATA) == fingerprint(settled, DATA)


def test_files_that_just_changed_are_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "images/a/1.jpg", b"x", age=False)
    fingerprint(tmp_path, DATA)
    names = hashed(monkeypatch)
    fingerprint(tmp_path, DATA)
    assert names == ["1.jpg"]


@pytest.mark.parametrize("name", [module.FILES, module.LISTINGS])
@pytest.mark.parametrize("damage", [b"", b"{", b'{"a": 1}', b"[]", b"\xff"])
def test_a_damaged_cache_is_no_harm(settled: Path, name: str, damage: bytes) -> None:
    first = fingerprint(settled, DATA)
    (paths.cache(settled) / name).write_bytes(damage)
    assert fingerprint(settled, DATA) == first


def test_names_that_are_no_utf8(settled: Path) -> None:
    try:
        (settled / os.fsdecode(b"images/a/\xff.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    assert fingerprint(settled, DATA) == fingerprint(settled, DATA)


@pytest.mark.parametrize("target", ["nowhere", "."])
def test_links_that_lead_nowhere_or_in_a_circle_are_told(settled: Path, target: str) -> None:
    (settled / "images/link").symlink_to(target)
    with pytest.raises(DataError, match="cannot read the data"):
        fingerprint(settled, DATA)


def test_links_are_followed(settled: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "c"
    write(other / "1.jpg", b"x")
    (settled / "images/c").symlink_to(other)
    first = fingerprint(settled, DATA)
    write(other / "1.jpg", b"y")
    assert fingerprint(settled, DATA) != first


def test_roots_and_their_splits(tmp_path: Path) -> None:
    for name in ("train.csv", "more/dev.csv", "more/test.csv"):
        write(tmp_path / name, b"x")
    data = {"source": [], "train": "train.csv", "dev": ["more/dev.csv"], "test": 0.2}
    assert [(p.name, split) for p, split in roots(tmp_path, data)] == [("train.csv", "train"), ("dev.csv", "dev")]
    assert [p.name for p in sources(tmp_path, {"source": "more/*.csv"})] == ["dev.csv", "test.csv"]
    assert [p.name for p in sources(tmp_path, {"source": "**/*.csv"})] == ["dev.csv", "test.csv", "train.csv"]


def test_missing_files_name_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "data/reviews.csv", b"x")
    with pytest.raises(DataError, match="no such data file") as caught:
        fingerprint(tmp_path, {"source": "data/review.csv"})
    assert caught.value.seen == "data/review.csv"
    assert caught.value.hint == "did you mean data/reviews.csv?"
    with pytest.raises(DataError, match="no such data file"):
        fingerprint(tmp_path, {"source": "data/*.tsv"})


def test_no_data_and_too_much(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names no data"):
        roots(tmp_path, {"source": [], "train": [], "dev": 0.1, "test": 0.2})
    with pytest.raises(DataError, match="not both"):
        roots(tmp_path, {"source": "a", "train": "b"})


def test_nothing_heavy_is_imported() -> None:
    code = "import sys; import modelworks.dataset.fingerprint; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "lance", "pyarrow", "cv2", "yaml", "modelworks.kinds"} & set(loaded)
