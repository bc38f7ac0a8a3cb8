"""Azure Blob Storage: the contract against Azurite, Microsoft's own emulator."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import outside
import pytest
from objects_suite import *  # noqa: F403

from modelworks.adapters.stores import az
from modelworks.contracts.objects import Objects, open_objects
from modelworks.core.errors import StoreError

pytestmark = pytest.mark.systems
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # published
numbers = itertools.count()


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("azurite"), outside.free_port()
    program = outside.environment("azurite") / "node_modules" / ".bin" / "azurite-blob"
    command = [
        program, "--silent", "--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location",
        folder, "--disableTelemetry",
    ]  # fmt: skip
    with outside.server(command, folder / "log") as process:
        outside.answers(f"http://127.0.0.1:{port}/", process=process)
        endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
        yield f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"


@pytest.fixture
def objects(connection: str, monkeypatch: pytest.MonkeyPatch) -> Objects:
    from azure.storage.blob import ContainerClient

    monkeypatch.setenv(az.CONNECTION, connection)
    name = f"container{next(numbers)}"
    ContainerClient.from_connection_string(connection, name).create_container()
    return open_objects(f"az://{name}/team/models")


def test_an_upload_goes_on_with_the_blocks_it_has(objects: az.Container, tmp_path: Path, monkeypatch) -> None:
    from azure.storage.blob import BlobClient

    source = tmp_path / "source"
    source.write_bytes(os.urandom(int(3.5 * az.BLOCK)))
    sent, stage = [], BlobClient.stage_block

    def dropping(self, name, data, **given):
        if len(sent) == 2:
            raise ConnectionResetError("planted")
        sent.append(name)
        return stage(self, name, data, **given)

    monkeypatch.setattr(BlobClient, "stage_block", dropping)
    with pytest.raises(ConnectionResetError):
        objects.put("blob", source)
    assert objects.size("blob") is None
    monkeypatch.setattr(BlobClient, "stage_block", lambda self, n, d, **g: sent.append(n) or stage(self, n, d, **g))
    objects.put("blob", source)
    assert len(sent) == len(set(sent)) == 4
    objects.get("blob", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_a_wrong_key_is_refused(connection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(az.CONNECTION, connection.replace(KEY, KEY[::-1].replace("=", "") + "=="))
    wrong = open_objects("az://container0/x")
    with pytest.raises(StoreError, match="refused"):
        wrong.size("a")
    assert wrong.check().state == "fault"


def test_no_credentials_say_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(az.CONNECTION, raising=False)
    with pytest.raises(StoreError, match="no credentials") as caught:
        open_objects("az://container0/x").size("a")
    assert az.CONNECTION in caught.value.hint
