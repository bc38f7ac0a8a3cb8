"""Image folders and zips: labels and splits from names, and archives that must not be trusted."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from modelworks import formats
from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.formats import zip as archives
from modelworks.kinds import Example

IMAGE = Reading(input="image", target="label")
TEXT = Reading(input="text", target="label")


def read(path: Path, reading: Reading = IMAGE) -> list[Example | Bad]:
    return list(formats.detect(path).read(path, reading))


def folder(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"picture of " + name.encode())
    return root


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


LAYOUTS = {
    ("cat/1.jpg", "dog/2.PNG"): [("", "cat"), ("", "dog")],
    ("train/cat/1.jpg", "val/dog/2.jpg", "test/cat/3.webp"): [("test", "cat"), ("train", "cat"), ("dev", "dog")],
    ("set/train/cat/1.jpg", "set/dev/dog/2.jpg"): [("dev", "dog"), ("train", "cat")],
    ("cat/1.jpg", "cat/.hidden.jpg", "cat/notes.txt", "__MACOSX/cat/1.jpg", ".git/x/1.jpg"): [("", "cat")],
}


@pytest.mark.parametrize("names", list(LAYOUTS), ids=lambda names: names[0])
@pytest.mark.parametrize("zipped", [False, True])
def test_layouts(tmp_path: Path, names: tuple[str, ...], zipped: bool) -> None:
    if zipped:
        path = packed(tmp_path / "images.zip", {name: b"picture of " + name.encode() for name in names})
    else:
        path = folder(tmp_path / "images", list(names))
    found = [one for one in read(path) if isinstance(one, Example)]
    assert [(one.split, one.target.label) for one in found] == LAYOUTS[names]  # type: ignore[union-attr]


def test_an_image_outside_any_class_and_an_empty_one_are_bad(tmp_path: Path) -> None:
    root = folder(tmp_path / "images", ["cat/1.jpg", "loose.jpg", "cat/2.jpg"])
    (root / "cat/2.jpg").write_bytes(b"")
    bad = [one for one in read(root) if isinstance(one, Bad)]
    assert [(Path(one.where).name, one.message) for one in bad] == [
        ("loose.jpg", "the image is in no class folder"), ("2.jpg", "the image file is empty"),
    ]  # fmt: skip


def test_a_single_image_file_takes_its_folder_as_label(tmp_path: Path) -> None:
    root = folder(tmp_path, ["train/cat/1.jpg"])
    one = read(root / "train/cat/1.jpg")[0]
    assert isinstance(one, Example)
    assert (one.split, one.target.label) == ("train", "cat")  # type: ignore[union-attr]


def test_tables_in_a_zip_keep_file_line_and_split(tmp_path: Path) -> None:
    table = b"text,label\nfine,a\n,b\n"
    path = packed(tmp_path / "data.zip", {"d/train.csv": table, "d/dev.csv": table, "d/README.txt": b"about: it, all"})
    found = read(path, TEXT)
    assert [(one.where, one.split) for one in found if isinstance(one, Example)] == [
        (f"{path}/d/dev.csv:2", "dev"), (f"{path}/d/train.csv:2", "train"),
    ]  # fmt: skip
    assert [one.where for one in found if isinstance(one, Bad)] == [f"{path}/d/dev.csv:3", f"{path}/d/train.csv:3"]


@pytest.mark.parametrize("name", ["../out.jpg", "/etc/cat/1.jpg", "a/../../1.jpg", "cat\\..\\1.jpg"])
def test_names_that_climb_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="climbs out") as caught:
        read(packed(tmp_path / "data.zip", {"cat/1.jpg": b"x", name: b"x"}))
    assert caught.value.seen == name
    assert os.listdir(tmp_path) == ["data.zip"]


def test_links_are_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("cat/1.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="a link"):
        read(tmp_path / "data.zip")


def test_bombs_are_refused_before_they_unpack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL", 100_000)
    with zipfile.ZipFile(tmp_path / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.csv", b"0" * 5_000_000)
    with pytest.raises(DataError, match="times its size"):
        read(tmp_path / "data.zip", TEXT)
    monkeypatch.setattr(archives, "TOTAL", 1_000_000)
    with pytest.raises(DataError, match="too large"):
        read(tmp_path / "data.zip", TEXT)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MEMBERS", 2)
    with pytest.raises(DataError, match="too large"):
        read(packed(tmp_path / "data.zip", {f"cat/{n}.jpg": b"x" for n in range(3)}))


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "data.zip", {"cat/1.jpg": b"x" * 1000})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="damaged"):
        read(path)


def test_an_archive_without_data_says_what_it_looks_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data that I know") as caught:
        read(packed(tmp_path / "data.zip", {"notes.doc": b"x"}), TEXT)
    assert ".csv" in caught.value.allowed


def test_a_folder_without_images_is_no_format(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no format"):
        read(folder(tmp_path / "images", ["cat/notes.doc"]))
