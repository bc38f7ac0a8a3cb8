import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelworks.core import files
from modelworks.core.errors import BundleError, StoreError


def test_write_replaces_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    files.write_bytes(path, b"one")
    files.write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["b.txt"]


def test_full_disk_keeps_the_old_file_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    files.write_bytes(path, b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        files.write_bytes(path, b"new")
    assert "free some disk space" in caught.value.hint
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_second_commit_of_a_name_loses(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    assert files.commit_folder(tmp_path / "one", tmp_path / "final")
    assert not files.commit_folder(tmp_path / "two", tmp_path / "final")
    assert (tmp_path / "final" / "f").read_text() == "one"
    assert not (tmp_path / "two").exists()


def test_lock_excludes_and_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from modelworks.core.files import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with files.locked(path, wait=False) as got:
        assert not got
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with files.locked(path, wait=False) as got:
        assert got


def test_lock_waits(tmp_path: Path) -> None:
    order: list[int] = []

    def second() -> None:
        with files.locked(tmp_path / "lock"):
            order.append(2)

    with files.locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.1)
        order.append(1)
    thread.join()
    assert order == [1, 2]


@pytest.mark.parametrize("bad", ["/etc/passwd", "../x", "a/../../x", "", "a\\b", "a\0b", "."])
def test_paths_that_leave_are_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(BundleError):
        files.contained(tmp_path, bad)


def test_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(BundleError, match="links"):
        files.contained(tmp_path, "link/passwd")


def test_contained_path(tmp_path: Path) -> None:
    assert files.contained(tmp_path, "graphs/model.onnx") == tmp_path / "graphs" / "model.onnx"
