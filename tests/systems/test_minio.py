"""Artifacts in a real object store: the contract, two writers at once, a server killed in an upload, a wrong secret, a
full disk, an upload that goes on where it was interrupted; and a whole project shared by two machines."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tiny_tasks
from minio_server import KEY, SECRET, Minio, credentials, minio
from objects_suite import *  # noqa: F403

from modelworks.adapters.stores import s3
from modelworks.contracts.objects import Objects, open_objects
from modelworks.core import config
from modelworks.core.errors import StoreError
from modelworks.pipeline.remote import Remote

pytestmark = pytest.mark.systems
numbers = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with minio(tmp_path_factory.mktemp("minio")) as running:
        yield running


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.setenv(name, credentials()[name])


@pytest.fixture
def objects(server: Minio) -> Objects:
    return open_objects(server.uri(f"bucket{next(numbers)}", "team/models"))


def big(path: Path, parts: float = 3.2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(int(parts * s3.PART)))
    return path


def test_an_upload_goes_on_with_the_parts_it_has(objects: s3.Bucket, tmp_path: Path, monkeypatch) -> None:
    source = big(tmp_path / "source")
    sent = []
    upload = objects._client.upload_part

    def dropping(**given):
        if len(sent) == 2:
            raise ConnectionResetError("planted")
        sent.append(given["PartNumber"])
        return upload(**given)

    monkeypatch.setattr(objects._client, "upload_part", dropping)
    with pytest.raises(ConnectionResetError):
        objects.put("blob", source)
    assert objects.size("blob") is None
    monkeypatch.setattr(
        objects._client, "upload_part", lambda **given: sent.append(given["PartNumber"]) or upload(**given)
    )
    objects.put("blob", source)
    assert sent == [1, 2, 3, 4]
    objects.get("blob", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_two_writers_at_once_leave_one_whole_artifact(server: Minio, tmp_path: Path) -> None:
    uri, folder = server.uri("twowriters"), tmp_path / "artifact"
    big(folder / "model.onnx", 1.5)
    big(folder / "a", 0.01)
    faults = []

    def push() -> None:
        try:
            Remote(open_objects(uri)).push(folder, "train", "k")
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=push) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join(120) for thread in threads]
    assert faults == []
    Remote(open_objects(uri)).pull("train", "k", tmp_path / "back", tmp_path / "scratch")
    assert (tmp_path / "back" / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()


PUSH = """
import sys
from pathlib import Path
from modelworks.contracts.objects import open_objects
from modelworks.pipeline.remote import Remote
Remote(open_objects(sys.argv[1])).push(Path(sys.argv[2]), "train", "k")
"""


def test_a_server_killed_in_an_upload_loses_nothing_that_was_told_done(tmp_path: Path) -> None:
    folder = tmp_path / "artifact"
    for name in "abcdef":
        big(folder / name, 1.5)
    (tmp_path / "server").mkdir()
    with minio(tmp_path / "server") as first:
        uri, port = first.uri("killed"), first.port
        push = subprocess.Popen([sys.executable, "-c", PUSH, uri, str(folder)], stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 60
        while not any((first.data / "killed").rglob("xl.meta")) and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(first.process.pid, signal.SIGKILL)
        _, said = push.communicate(timeout=120)
        assert push.returncode != 0
        assert "StoreError" in said
    with minio(tmp_path / "server", port):
        remote = Remote(open_objects(uri))
        assert not remote.has("train", "k")
        remote.push(folder, "train", "k")
        remote.pull("train", "k", tmp_path / "back", tmp_path / "scratch")
    for path in folder.iterdir():
        assert (
            hashlib.sha256((tmp_path / "back" / path.name).read_bytes()).digest()
            == hashlib.sha256(path.read_bytes()).digest()
        )


def test_a_wrong_secret_is_refused_at_once_and_says_what_to_check(server: Minio, monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET + "x")
    wrong = open_objects(server.uri("secret"))
    with pytest.raises(StoreError, match=r"SignatureDoesNotMatch|403") as caught:
        Remote(wrong).has("train", "k")
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.hint
    assert wrong.check().state == "fault"
    assert KEY in os.environ["AWS_ACCESS_KEY_ID"]


def test_a_server_that_is_away_says_so(tmp_path: Path) -> None:
    away = open_objects("s3://nothing/x?endpoint=http://127.0.0.1:9&region=us-east-1")
    with pytest.raises(StoreError, match="does not answer"):
        away.size("a")
    assert away.check().state == "fault"


def test_a_full_disk_of_the_server_stores_nothing_half(tmp_path: Path) -> None:
    """The server's data lie on a file system of 48 MB."""
    disk = tmp_path / "server" / "data"
    disk.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("may not mount a small file system")
    try:
        with minio(tmp_path / "server") as small:
            folder = tmp_path / "artifact"
            for name in "abcd":
                big(folder / name, 1.2)
            remote = Remote(open_objects(small.uri("full")))
            with pytest.raises(StoreError, match="the store"):
                remote.push(folder, "train", "k")
            assert not remote.has("train", "k")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_project_is_made_on_one_machine_and_released_from_another(server: Minio, tmp_path: Path) -> None:
    """Datasets, checkpoints and bundles all go through the bucket."""
    uri = server.uri("project")
    projects = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        projects.append(tiny_tasks.project(tmp_path / name, "sentiment-analysis"))
        path = projects[-1] / config.FILE
        path.write_text(path.read_text("utf-8") + f"store: {uri}\nengine: plain\n", "utf-8")
    one, two = projects

    def modelworks(folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "modelworks", *arguments], cwd=folder, capture_output=True, text=True, timeout=400
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "▸ train" in modelworks(one, "run")
    assert "Nothing changed" in modelworks(one, "run")
    again = modelworks(two, "run", "--until", "gate")
    assert "▸ train" not in again
    (two / "modelworks.lock").write_bytes((one / "modelworks.lock").read_bytes())  # as Git would bring it
    answer = modelworks(two, "predict", "what a day")
    assert answer == modelworks(one, "predict", "what a day")
