"""Azure Blob Storage: `az://container/prefix?account=https://NAME.blob.core.windows.net`.

Without `account` the connection string AZURE_STORAGE_CONNECTION_STRING is used; with it, azure-identity's default
credential. Large files go up in blocks named by their content: blocks of an interrupted upload are not sent again.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from modelworks.adapters.stores._prefixed import Prefixed
from modelworks.adapters.stores._resume import append, pieces
from modelworks.contracts.objects import Found
from modelworks.core.errors import ConfigError, StoreError

BLOCK = 8 << 20
"""Bytes of a block, and the size up to which an object goes in one call."""
CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"


class Container(Prefixed):
    """Objects below a prefix of a container."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if not parts.netloc or set(query) - {"account"}:
            allowed = "az://container/prefix, az://container/prefix?account=https://…"
            raise ConfigError("not a store's URI", where="store", seen=uri, allowed=allowed)
        super().__init__(uri, parts.netloc, parts.path)
        self._account = query.get("account", "")
        self._open: Any = None

    @property
    def _client(self) -> Any:
        if self._open is None:
            self._open = self._connect()
        return self._open

    def _connect(self) -> Any:
        from azure.storage.blob import ContainerClient

        patience: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 60, "retry_total": 4}
        if self._account:
            from azure.identity import DefaultAzureCredential

            return ContainerClient(self._account, self._name, credential=DefaultAzureCredential(), **patience)
        if CONNECTION not in os.environ:
            hint = f"set {CONNECTION}, or name the account: az://container/prefix?account=https://…"
            raise StoreError("no credentials for the store", where=self._uri, hint=hint)
        return ContainerClient.from_connection_string(os.environ[CONNECTION], self._name, **patience)

    def put(self, key: str, source: Path) -> None:
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        with self._telling(key), contextlib.suppress(ResourceExistsError, ResourceModifiedError):
            if source.stat().st_size <= BLOCK:
                self._blob(key).upload_blob(source.read_bytes(), overwrite=False)
            else:
                self._put_blocks(key, source)

    def _put_blocks(self, key: str, source: Path) -> None:
        from azure.core.exceptions import ResourceNotFoundError
        from azure.storage.blob import BlobBlock

        blob, sent = self._blob(key), set[str]()
        with contextlib.suppress(ResourceNotFoundError):
            sent = {block.id for block in blob.get_block_list("uncommitted")[1]}
        names = []
        for number, data in pieces(source, BLOCK):
            digest = hashlib.sha256(data).hexdigest()[:24]
            name = base64.b64encode(f"{number:06}-{digest}".encode()).decode()
            if name not in sent:
                blob.stage_block(name, data)
            names.append(BlobBlock(block_id=name))
        blob.commit_block_list(names, if_none_match="*")

    def get(self, key: str, target: Path) -> None:
        from azure.core.exceptions import IncompleteReadError, ServiceRequestError, ServiceResponseError

        with self._telling(key):
            blob = self._blob(key)
            size = int(blob.get_blob_properties().size)
            dropped = (IncompleteReadError, ServiceRequestError, ServiceResponseError)
            append(target, size, lambda offset: self._read(blob, offset, size), dropped)

    @staticmethod
    def _read(blob: Any, offset: int, size: int) -> Iterable[bytes]:
        yield from blob.download_blob(offset=offset, length=size - offset).chunks()

    def size(self, key: str) -> int | None:
        from azure.core.exceptions import ResourceNotFoundError

        with self._telling(key):
            try:
                return int(self._blob(key).get_blob_properties().size)
            except ResourceNotFoundError:
                return None

    def find(self, prefix: str) -> Iterator[Found]:
        with self._telling(prefix):
            for blob in self._client.list_blobs(name_starts_with=self._path(prefix)):
                yield Found(self._key(blob.name), int(blob.size), blob.last_modified.timestamp())

    def delete(self, key: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        with self._telling(key), contextlib.suppress(ResourceNotFoundError):
            self._blob(key).delete_blob()

    def _blob(self, key: str) -> Any:
        return self._client.get_blob_client(self._path(key))

    @contextlib.contextmanager
    def _telling(self, key: str) -> Iterator[None]:
        """Turn what the client raises into a StoreError that says where and what to do."""
        from azure.core.exceptions import AzureError, HttpResponseError

        where = self._where(key)
        try:
            yield
        except HttpResponseError as error:
            hint = "check the container's name, the credentials and what they may do; what was stored is kept"
            code = getattr(error, "error_code", None) or error.status_code
            raise StoreError(f"the store refused: {code}: {error.reason}", where=where, hint=hint) from error
        except AzureError as error:
            raise StoreError(f"the store does not answer: {error}", where=where, hint="then run again") from error


STORE = Container
