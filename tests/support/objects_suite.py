"""What every object store must do; a test module gives the fixture `objects`, an empty place."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelworks.contracts.objects import Objects
from modelworks.core.errors import StoreError
from modelworks.pipeline.remote import Remote


def made(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_what_was_put_comes_back(objects: Objects, tmp_path: Path) -> None:
    for name, data in (("empty", b""), ("deep/er/one.bin", bytes(range(256)) * 5000)):
        assert objects.size(name) is None
        objects.put(name, made(tmp_path / "source", data))
        assert objects.size(name) == len(data)
        objects.get(name, tmp_path / name.replace("/", "-"))
        assert (tmp_path / name.replace("/", "-")).read_bytes() == data


def test_an_interrupted_fetch_goes_on(objects: Objects, tmp_path: Path) -> None:
    data = bytes(range(256)) * 100
    objects.put("a", made(tmp_path / "source", data))
    part = made(tmp_path / "part", data[:10_000])
    objects.get("a", part)
    assert part.read_bytes() == data
    objects.get("a", part)  # nothing is missing
    assert part.read_bytes() == data


def test_keys_are_listed_by_prefix_and_deleted(objects: Objects, tmp_path: Path) -> None:
    for key in ("x/1", "x/2", "xy/3", "z"):
        objects.put(key, made(tmp_path / "source", b"1"))
    assert sorted(one.key for one in objects.find("x/")) == ["x/1", "x/2"]
    assert sorted(one.key for one in objects.find("x")) == ["x/1", "x/2", "xy/3"]
    objects.delete("x/1")
    objects.delete("x/1")
    assert sorted(one.key for one in objects.find("x/")) == ["x/2"]
    assert objects.size("x/1") is None


def test_a_missing_object_says_which(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        objects.get("not/there", tmp_path / "target")
    assert "not/there" in str(caught.value)


def test_the_doctor_is_content(objects: Objects) -> None:
    assert objects.check().state == "ok"


def test_an_artifact_goes_and_comes(objects: Objects, tmp_path: Path) -> None:
    folder = tmp_path / "artifact"
    (folder / "deep").mkdir(parents=True)
    made(folder / "deep" / "a.bin", b"same")
    made(folder / "b.bin", b"same")
    made(folder / "empty", b"")
    remote = Remote(objects)
    assert not remote.has("train", "k" * 64)
    remote.push(folder, "train", "k" * 64)
    assert remote.has("train", "k" * 64)
    assert len(list(objects.find("blobs/"))) == 2  # equal bytes are stored once
    remote.pull("train", "k" * 64, tmp_path / "back", tmp_path / "scratch")
    found = {p.relative_to(tmp_path / "back").as_posix(): p.read_bytes() for p in (tmp_path / "back").rglob("*.*")}
    assert found == {"deep/a.bin": b"same", "b.bin": b"same"}
    assert (tmp_path / "back" / "empty").read_bytes() == b""
    assert not (tmp_path / "scratch").exists()
