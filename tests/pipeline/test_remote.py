"""Artifacts that machines share: made once, read anywhere, never half, never altered."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_objects import Failing
from planted_plans import diamond, run

from modelworks.adapters.stores.file import Folder
from modelworks.core.errors import StoreError
from modelworks.pipeline.execute import Executor
from modelworks.pipeline.remote import Remote
from modelworks.pipeline.store import Store, open_store


def machine(folder: Path, shared: Path) -> tuple[Path, Store]:
    """A project folder with its own disk and the shared place."""
    folder.mkdir(exist_ok=True)
    return folder, open_store(folder, f"file://{shared}")


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_another_machine_makes_nothing_again(tmp_path: Path) -> None:
    one, store = machine(tmp_path / "one", tmp_path / "shared")
    assert run(one, diamond(), store=store) == ["a", "b", "c", "d"]
    two, other = machine(tmp_path / "two", tmp_path / "shared")
    assert run(two, diamond(), store=other) == []
    assert run(two, diamond(b={"add": 2}), store=other) == ["b", "d"]
    assert run(one, diamond(b={"add": 2}), store=store) == []
    first, second = (Executor(f, diamond(b={"add": 2}), store=s).path("d") for f, s in ((one, store), (two, other)))
    assert files_of(first) == files_of(second)


def test_only_what_is_read_is_fetched(tmp_path: Path) -> None:
    one, store = machine(tmp_path / "one", tmp_path / "shared")
    run(one, diamond(), store=store)
    two, other = machine(tmp_path / "two", tmp_path / "shared")
    executor = Executor(two, diamond(), store=other)
    assert executor.record("d").facts == Executor(one, diamond(), store=store).record("d").facts
    assert [name for name in "abcd" if other.here(name, executor.keys[name])] == ["d"]


def test_forced_steps_are_made_again_everywhere(tmp_path: Path) -> None:
    one, store = machine(tmp_path / "one", tmp_path / "shared")
    run(one, diamond(), store=store)
    Executor(one, diamond(), store=store).force("b")
    assert run(one, diamond(), store=store) == ["b"]


def test_a_lost_upload_costs_no_work(tmp_path: Path) -> None:
    project = tmp_path / "one"
    project.mkdir()
    broken = Store(project / ".modelworks" / "store", Remote(Failing(tmp_path / "shared", 4)), "m")
    with pytest.raises(StoreError, match="the wire dropped"):
        run(project, diamond(), store=broken)
    assert run(project, diamond(), store=Store(broken.root, Remote(Folder((tmp_path / "shared").as_uri())), "m")) == [
        "b", "c", "d",
    ]  # fmt: skip
    two, other = machine(tmp_path / "two", tmp_path / "shared")
    assert run(two, diamond(), store=other) == []


@pytest.mark.parametrize("call", range(1, 12))
def test_whichever_call_fails_nothing_half_is_read_and_a_second_try_succeeds(tmp_path: Path, call: int) -> None:
    folder = tmp_path / "artifact"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_bytes(name.encode() * 1000)
    objects = Failing(tmp_path / "shared", call)
    remote = Remote(objects)
    for attempt in range(2):
        try:
            remote.push(folder, "train", "k")
            remote.pull("train", "k", tmp_path / "back", tmp_path / "scratch")
        except StoreError:
            assert attempt == 0
            assert not (tmp_path / "back").exists()
    assert objects.calls >= call
    assert files_of(tmp_path / "back") == files_of(folder)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"x" + data[1:], lambda data: data + b"x"])
def test_altered_bytes_are_refused(tmp_path: Path, damage) -> None:
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "a").write_bytes(b"true bytes")
    objects = Folder((tmp_path / "shared").as_uri())
    Remote(objects).push(folder, "train", "k")
    blob = tmp_path / "shared" / next(iter(objects.keys("blobs/")))
    blob.write_bytes(damage(blob.read_bytes()))
    with pytest.raises(StoreError, match="not those that were stored"):
        Remote(objects).pull("train", "k", tmp_path / "back", tmp_path / "scratch")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(
    "index", [b"{", b'{"files": {"../out": {"sha256": "ab", "size": 1}}}', b'{"files": {}, "x": 1}']
)
def test_a_damaged_or_hostile_index_is_refused(tmp_path: Path, index: bytes) -> None:
    objects = Folder((tmp_path / "shared").as_uri())
    (tmp_path / "i").write_bytes(index)
    objects.put("index/train/k.json", tmp_path / "i")
    with pytest.raises(Exception, match=r"damaged|not contained"):
        Remote(objects).pull("train", "k", tmp_path / "back", tmp_path / "scratch")
    assert not (tmp_path / "back").exists()
