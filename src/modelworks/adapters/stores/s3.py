"""Amazon S3 and what speaks its protocol (MinIO, Ceph, R2…): `s3://bucket/prefix?endpoint=https://…&region=…`.

Credentials are found by boto3: environment, profile, instance role. Large objects go up in parts; a part that is there
from an interrupted upload is not sent again. Objects appear whole, and never over another (conditional put).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from modelworks.adapters.stores._prefixed import Prefixed
from modelworks.adapters.stores._resume import CHUNK, append, pieces
from modelworks.contracts.objects import Found
from modelworks.core.errors import ConfigError, StoreError

PART = 16 << 20
"""Bytes of a part, and the size up to which an object goes in one call."""
_ABSENT = ("404", "NoSuchKey", "NotFound")
_TAKEN = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict", "NoSuchUpload")


class Bucket(Prefixed):
    """Objects below a prefix of a bucket."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if unknown := set(query) - {"endpoint", "region"}:
            raise ConfigError(
                "unknown part of a store's URI", where=uri, seen=unknown.pop(), allowed="endpoint, region"
            )
        if not parts.netloc:
            raise ConfigError("a store's URI names a bucket", where="store", seen=uri, allowed="s3://bucket/prefix")
        super().__init__(uri, parts.netloc, parts.path)
        self._query = query
        self._open: Any = None

    @property
    def _client(self) -> Any:
        if self._open is None:
            import boto3
            from botocore.config import Config

            patience = Config(
                connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4},
                s3={"addressing_style": "path"} if "endpoint" in self._query else {},
            )  # fmt: skip
            # a session of its own: the shared one is not for threads, and keeps the credentials it found first
            self._open = boto3.session.Session().client(
                "s3", endpoint_url=self._query.get("endpoint"), region_name=self._query.get("region"), config=patience
            )
        return self._open

    def put(self, key: str, source: Path) -> None:
        with self._telling(key):
            if source.stat().st_size <= PART:
                self._unless_taken(lambda: self._client.put_object(
                    **self._at(key), Body=source.read_bytes(), IfNoneMatch="*"
                ))  # fmt: skip
            else:
                self._unless_taken(lambda: self._put_parts(key, source))

    def _put_parts(self, key: str, source: Path) -> None:
        upload, sent = self._begun(key)
        done = []
        for number, data in pieces(source, PART):
            mark = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'  # what S3 calls a part's ETag
            if sent.get(number) != mark:
                mark = self._client.upload_part(**self._at(key), UploadId=upload, PartNumber=number, Body=data)["ETag"]
            done.append({"PartNumber": number, "ETag": mark})
        self._client.complete_multipart_upload(
            **self._at(key), UploadId=upload, MultipartUpload={"Parts": done}, IfNoneMatch="*"
        )

    def _begun(self, key: str) -> tuple[str, dict[int, str]]:
        """An upload of this key that was begun before, with the parts it has; else a new one."""
        at = self._at(key)
        found = self._client.list_multipart_uploads(Bucket=self._name, Prefix=at["Key"]).get("Uploads", ())
        for upload in found:
            if upload["Key"] == at["Key"]:
                pages = self._client.get_paginator("list_parts").paginate(**at, UploadId=upload["UploadId"])
                parts = {part["PartNumber"]: part["ETag"] for page in pages for part in page.get("Parts", ())}
                return upload["UploadId"], parts
        return self._client.create_multipart_upload(**at)["UploadId"], {}

    def get(self, key: str, target: Path) -> None:
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        with self._telling(key):
            size = self._client.head_object(**self._at(key))["ContentLength"]
            append(target, size, lambda offset: self._read(key, offset), (BotoCoreError, HTTPError))

    def _read(self, key: str, offset: int) -> Iterable[bytes]:
        body = self._client.get_object(**self._at(key), Range=f"bytes={offset}-")["Body"]
        with contextlib.closing(body):
            yield from body.iter_chunks(CHUNK)

    def size(self, key: str) -> int | None:
        from botocore.exceptions import ClientError

        with self._telling(key):
            try:
                return int(self._client.head_object(**self._at(key))["ContentLength"])
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def find(self, prefix: str) -> Iterator[Found]:
        at = self._at(prefix)
        with self._telling(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=at["Key"]):
                for entry in page.get("Contents", ()):
                    yield Found(self._key(entry["Key"]), int(entry["Size"]), entry["LastModified"].timestamp())

    def delete(self, key: str) -> None:
        with self._telling(key):
            self._client.delete_object(**self._at(key))

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._name, "Key": self._path(key)}

    def _unless_taken(self, send: Any) -> None:
        """Send an object; that another writer was first is as good, since a key means its bytes."""
        from botocore.exceptions import ClientError

        try:
            send()
        except ClientError as error:
            if _code(error) not in _TAKEN:
                raise

    @contextlib.contextmanager
    def _telling(self, key: str) -> Iterator[None]:
        """Turn what the client raises into a StoreError that says where and what to do."""
        from botocore.exceptions import BotoCoreError, ClientError
        from urllib3.exceptions import HTTPError

        where = self._where(key)
        try:
            yield
        except ClientError as error:
            message = error.response.get("Error", {}).get("Message") or str(error)
            raise StoreError(f"the store refused: {_code(error)}: {message}", where=where, hint=_hint(error)) from error
        except (BotoCoreError, HTTPError) as error:
            hint = "is it running, and are the endpoint and the credentials set? then run again: nothing is lost"
            raise StoreError(f"the store does not answer: {error}", where=where, hint=hint) from error


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _hint(error: Any) -> str:
    if _code(error) in ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
        return "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do"
    if _code(error) == "NoSuchBucket":
        return "make the bucket, or name another in `store`"
    return "run again: what was stored is kept"


STORE = Bucket
