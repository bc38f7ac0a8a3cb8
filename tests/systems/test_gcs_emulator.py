"""Google Cloud Storage: the contract against gcp-storage-emulator, which is not Google's own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import outside
import pytest
from objects_suite import *  # noqa: F403

from modelworks.adapters.stores import gs
from modelworks.contracts.objects import Objects, open_objects
from modelworks.core.errors import StoreError

pytestmark = pytest.mark.systems
numbers = itertools.count()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("gcs"), outside.free_port()
    program = outside.environment("gcs-emulator") / "bin" / "gcp-storage-emulator"
    command = [program, "start", "--host=127.0.0.1", f"--port={port}", "--in-memory"]
    with outside.server(command, folder / "log") as process:
        outside.answers(f"http://127.0.0.1:{port}/storage/v1/b?project=p", process=process)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def objects(address: str, monkeypatch: pytest.MonkeyPatch) -> Objects:
    from google.cloud import storage

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    name = f"bucket{next(numbers)}"
    storage.Client().create_bucket(name)
    return open_objects(f"gs://{name}/team/models")


def test_an_emulator_that_is_away_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setattr(gs, "PATIENCE", 1)
    found = open_objects("gs://nothing/x").check()
    assert found.state == "fault"
    with pytest.raises(StoreError, match="does not answer"):
        open_objects("gs://nothing/x").size("a")
