"""Artifacts that machines share: made once, read anywhere, never half, never altered."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from planted_objects import Failing
from planted_plans import diamond, run

from modelworks.adapters.stores.file import Folder
from modelworks.contracts.objects import Found
from modelworks.contracts.step import Plan
from modelworks.core.errors import ConfigError, StoreError
from modelworks.pipeline.execute import Executor
from modelworks.pipeline.remote import Garbage, Remote
from modelworks.pipeline.store import RELEASES, Store, open_store


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
    blob = tmp_path / "shared" / next(iter(objects.find("blobs/"))).key
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


def aged(shared: Path, days: float) -> None:
    """Make what the shared place holds look older."""
    for path in shared.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - days * 86400,) * 2)


def old_garbage(remote: Remote) -> Garbage:
    """What has lain there for a month, when nothing is to be kept."""
    return remote.garbage(lambda step, key: False, time.time() - 30 * 86400)


class TestGarbage:
    """What nobody refers to leaves the shared place; what somebody does stays whole, whenever it was stored."""

    @pytest.fixture
    def shared(self, tmp_path: Path) -> Path:
        return tmp_path / "shared"

    @pytest.fixture
    def one(self, tmp_path: Path, shared: Path) -> tuple[Path, Store]:
        return machine(tmp_path / "one", shared)

    @staticmethod
    def live(folder: Path, store: Store, plan: Plan) -> list[tuple[str, str]]:
        return list(Executor(folder, plan, store=store).keys.items())

    def test_old_artifacts_of_other_plans_go_with_their_bytes(self, one, shared: Path, tmp_path: Path) -> None:
        folder, store = one
        run(folder, diamond(), store=store)
        run(folder, diamond(b={"add": 2}), store=store)
        released = tmp_path / "bundle"
        released.mkdir()
        (released / "model").write_bytes(b"weights")
        store.share(RELEASES, "f" * 64, released)
        aged(shared, 40)
        now = diamond(b={"add": 2})
        found = store.shared_garbage(self.live(folder, store, now), 30)
        assert sorted(step for step, _ in found.artifacts) == ["b", "d"]
        store.discard(found)
        assert not {one.key for one in Folder(shared.as_uri()).find("blobs/")} & {blob.key for blob in found.blobs}
        two, other = machine(tmp_path / "two", shared)
        assert run(two, now, store=other) == []  # what is kept is whole
        assert other.fetch(RELEASES, "f" * 64, tmp_path / "back").joinpath("model").read_bytes() == b"weights"
        assert run(two, diamond(), store=other) == ["b", "d"]  # what went is made again

    def test_what_is_young_stays(self, one) -> None:
        folder, store = one
        run(folder, diamond(), store=store)
        found = store.shared_garbage([], 30)
        assert (found.artifacts, found.blobs) == ([], [])

    def test_without_a_shared_store_it_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="shared with nobody"):
            open_store(tmp_path).shared_garbage([], 30)

    @pytest.mark.parametrize("moment", ["find", "delete", "after"])
    def test_bytes_that_somebody_stores_again_meanwhile(self, shared: Path, tmp_path: Path, moment: str) -> None:
        """Another machine stores an artifact of the same bytes at the worst moments: its index is never left without
        its bytes."""
        source = tmp_path / "source"
        source.mkdir()
        (source / "a").write_bytes(b"the same bytes")

        class Busy(Folder):
            """Runs `meanwhile` once, at the named call."""

            def find(self, prefix: str) -> Iterator[Found]:
                if prefix == "index/" and moment == "find":
                    meanwhile()
                return super().find(prefix)

            def delete(self, key: str) -> None:
                if key.startswith("blobs/") and moment == "delete":
                    meanwhile()
                super().delete(key)

        done = []

        def meanwhile() -> None:
            if not done:
                done.append(Remote(Folder(shared.as_uri())).push(source, "train", "new"))

        Remote(Folder(shared.as_uri())).push(source, "train", "old")
        aged(shared, 40)
        plain = Remote(Folder(shared.as_uri()))
        garbage = old_garbage(plain)
        assert [key for _, key in garbage.artifacts] == ["old"]
        Remote(Busy(shared.as_uri())).discard(garbage)
        meanwhile()
        if plain.has("train", "new"):
            plain.pull("train", "new", tmp_path / "back", tmp_path / "scratch")
            assert (tmp_path / "back" / "a").read_bytes() == b"the same bytes"
        assert plain.has("train", "new") or moment == "delete"
        assert not plain.has("train", "old")

    def test_a_writer_notices_that_bytes_went_while_it_stored(self, shared: Path, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.mkdir()
        (source / "a").write_bytes(b"the same bytes")
        place = Folder(shared.as_uri())
        Remote(place).push(source, "train", "old")
        aged(shared, 40)

        class Slow(Folder):
            """All garbage is removed just before its index is stored."""

            def put(self, key: str, source: Path) -> None:
                if key.startswith("index/"):
                    remote = Remote(place)
                    remote.discard(old_garbage(remote))
                super().put(key, source)

        Remote(Slow(shared.as_uri())).push(source, "train", "new")
        Remote(place).pull("train", "new", tmp_path / "back", tmp_path / "scratch")
        assert (tmp_path / "back" / "a").read_bytes() == b"the same bytes"
