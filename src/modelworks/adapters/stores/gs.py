"""Google Cloud Storage: `gs://bucket/prefix`.

Credentials are Google's application default ones; STORAGE_EMULATOR_HOST points the client at an emulator. A large file
goes up by Google's resumable protocol, which outlives dropped connections but not this process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelworks.adapters.stores._prefixed import Prefixed
from modelworks.adapters.stores._resume import CHUNK, append
from modelworks.contracts.objects import Found
from modelworks.core.errors import ConfigError, StoreError

SECONDS = 60
"""Limit of one call."""
PATIENCE = 20
"""Seconds for which the client tries a failed call again."""


class Bucket(Prefixed):
    """Objects below a prefix of a bucket."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        if not parts.netloc or parts.query:
            raise ConfigError("a store's URI names a bucket", where="store", seen=uri, allowed="gs://bucket/prefix")
        super().__init__(uri, parts.netloc, parts.path)
        self._open: Any = None

    @property
    def _bucket(self) -> Any:
        if self._open is None:
            from google.cloud import storage

            self._open = storage.Client().bucket(self._name)
        return self._open

    def put(self, key: str, source: Path) -> None:
        from google.api_core.exceptions import PreconditionFailed

        with self._telling(key), contextlib.suppress(PreconditionFailed):  # another writer was first: the same bytes
            self._blob(key).upload_from_filename(str(source), if_generation_match=0, **_limits())

    def get(self, key: str, target: Path) -> None:
        with self._telling(key):
            blob = self._blob(key)
            blob.reload(**_limits())
            append(target, blob.size, lambda offset: self._read(blob, offset), self._dropped())

    @staticmethod
    def _read(blob: Any, offset: int) -> Iterable[bytes]:
        for begin in range(offset, blob.size, 8 * CHUNK):
            end = min(begin + 8 * CHUNK, blob.size) - 1
            yield blob.download_as_bytes(start=begin, end=end, checksum=None, **_limits())

    def size(self, key: str) -> int | None:
        with self._telling(key):
            blob = self._bucket.get_blob(self._path(key), **_limits())
            return None if blob is None else int(blob.size)

    def find(self, prefix: str) -> Iterator[Found]:
        with self._telling(prefix):
            for blob in self._bucket.client.list_blobs(self._bucket, prefix=self._path(prefix), **_limits()):
                yield Found(self._key(blob.name), int(blob.size), blob.time_created.timestamp())

    def delete(self, key: str) -> None:
        from google.api_core.exceptions import NotFound

        with self._telling(key), contextlib.suppress(NotFound):
            self._blob(key).delete(**_limits())

    def _blob(self, key: str) -> Any:
        return self._bucket.blob(self._path(key), chunk_size=8 * CHUNK)

    @staticmethod
    def _dropped() -> tuple[type[Exception], ...]:
        from google.api_core.exceptions import ServerError
        from requests.exceptions import RequestException

        return (RequestException, ServerError)

    @contextlib.contextmanager
    def _telling(self, key: str) -> Iterator[None]:
        """Turn what the client raises into a StoreError that says where and what to do."""
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        where = self._where(key)
        try:
            yield
        except GoogleAuthError as error:
            hint = "gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS"
            raise StoreError(f"the store refused: {error}", where=where, hint=hint) from error
        except GoogleAPICallError as error:
            hint = "check the bucket's name and what the account may do; what was stored is kept"
            raise StoreError(f"the store refused: {error.code}: {error.message}", where=where, hint=hint) from error
        except (RequestException, RetryError) as error:
            raise StoreError(f"the store does not answer: {error}", where=where, hint="then run again") from error


def _limits() -> dict[str, Any]:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return {"timeout": SECONDS, "retry": DEFAULT_RETRY.with_timeout(PATIENCE)}


STORE = Bucket
