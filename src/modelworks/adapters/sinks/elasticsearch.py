"""Elasticsearch 8.13 and later, by its bulk endpoint: `create` under the record's id, so that what was sent before is
answered 409 and counts as arrived.

The transport is the one below Elastic's own client (TLS, several nodes, compression). The client itself speaks to one
major version alone; the bulk endpoint is the same in all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from modelworks.adapters._elastic import data_stream
from modelworks.contracts.check import Finding
from modelworks.contracts.sink import Document, Outcome, SinkError
from modelworks.core import registry
from modelworks.core.errors import ConfigError

KEY = "ELASTICSEARCH_API_KEY"
OLDEST = (8, 13)
"""`require_data_stream` came with it: a record never makes an index of guessed types."""
_ALL = {"validation_exception", "index_closed_exception", "invalid_index_name_exception", "cluster_block_exception"}
"""Errors 400 that are no fault of the document."""
_HINTS = {
    401: f"set {KEY} to a key that is valid",
    403: f"give the key of {KEY} the privileges create_doc and auto_configure on the data stream",
    404: "modelworks export elastic && deploy/elastic/setup",
    413: "http.max_content_length of the server, or client_max_body_size of a proxy before it, is small",
}


class Bulk:
    """The bulk endpoint of one data stream or index."""

    def __init__(self, transport: Any, target: str, seconds: float) -> None:
        self._transport, self._seconds = transport, seconds
        self._target = target

    def send(self, batch: Sequence[Document]) -> Outcome:
        lines = [part for one in batch for part in (b'{"create":{"_id":%b}}' % json.dumps(one.id).encode(), one.body)]
        answer = self.ask("POST", self._target, b"\n".join(lines) + b"\n")
        try:
            items = msgspec.convert(answer, _Answer).items
        except msgspec.ValidationError as error:
            raise SinkError(f"not the answer of Elasticsearch: {error}", where=self._target, seen=answer) from error
        if len(items) != len(batch):
            raise SinkError(f"answered for {len(items)} documents of {len(batch)}", where=self._target)
        return _outcome(item.create for item in items)

    def ask(self, method: str, target: str, body: bytes | None = None) -> Any:
        """The answer to one request, tried once; SinkError unless its status is 200."""
        transport_error = registry.load("elastic_transport:TransportError")
        headers = {"accept": "application/json", "content-type": "application/x-ndjson"}
        try:
            meta, answer = self._transport.perform_request(
                method, target, body=body, headers=headers, request_timeout=self._seconds, max_retries=0
            )
        except transport_error as error:
            raise SinkError(f"cannot be asked: {error.message}", where=target) from error
        if meta.status != 200:
            raise SinkError(
                f"answered {meta.status}", where=target, seen=answer, too_large=meta.status == 413,
                hint=_HINTS.get(meta.status, ""),
            )  # fmt: skip
        return answer

    def close(self) -> None:
        self._transport.close()


class _Cause(Struct):
    type: str = ""
    reason: str | None = None
    caused_by: _Cause | None = None

    def __str__(self) -> str:
        below = f" ({self.caused_by.reason})" if self.caused_by else ""
        return f"{self.type}: {self.reason}{below}"


class _Created(Struct):
    status: int
    error: _Cause | None = None


class _Item(Struct):
    create: _Created


class _Answer(Struct):
    items: tuple[_Item, ...]


def _outcome(created: Iterable[_Created]) -> Outcome:
    refused, again, known, reason, status = {}, [], 0, "", 0
    for position, one in enumerate(created):
        if one.status == 409:
            known += 1
        elif one.status == 400 and (one.error is None or one.error.type not in _ALL):
            refused[position] = str(one.error)
        elif one.status not in (200, 201):
            again.append(position)
            status, reason = one.status, f"{one.status} {one.error}"
    if again and status in (403, 404):
        raise SinkError(f"takes no documents: {reason}", hint=_HINTS[status])
    return Outcome(refused, tuple(again), reason, known)


class Elasticsearch:
    """See contracts/sink.py."""

    options: Mapping[str, Any] = {
        "url": "http://127.0.0.1:9200", "data_stream": "", "index": "", "ca": "", "seconds": 30,
    }  # fmt: skip

    def open(self, project: str, options: Mapping[str, Any]) -> Bulk:
        load = registry.load
        urls = [options["url"]] if isinstance(options["url"], str) else list(options["url"])
        key = os.environ.get(KEY)
        headers = {"authorization": f"ApiKey {key}"} if key else {}
        nodes = [
            load("elastic_transport:NodeConfig")(
                **_address(url), headers=headers, http_compress=True, ca_certs=options["ca"] or None
            )
            for url in urls
        ]
        transport = load("elastic_transport:Transport")(nodes, meta_header=False)
        return Bulk(transport, _target(project, options), float(options["seconds"]))

    def check(self, project: str, options: Mapping[str, Any]) -> Finding:
        what = f"elasticsearch {options['url']}"
        try:
            door = self.open(project, {**options, "seconds": 5})
            version = door.ask("GET", "/")["version"]["number"]
            fits = tuple(map(int, version.split(".")[:2])) >= OLDEST
            door.close()
        except (SinkError, ConfigError) as error:
            return Finding(what, "fault", error.message, error.hint)
        except (KeyError, TypeError, ValueError, AttributeError):
            return Finding(what, "fault", "it answers, but not as Elasticsearch does")
        if not fits:
            return Finding(what, "fault", f"version {version}", "8.13 or later is needed")
        return Finding(what, "ok", f"version {version}")


def _target(project: str, options: Mapping[str, Any]) -> str:
    if options["index"]:
        return f"/{quote(options['index'])}/_bulk"
    return f"/{quote(options['data_stream'] or data_stream(project))}/_bulk?require_data_stream=true"


def _address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    where = "serve.sinks.elasticsearch.url"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("not an address", where=where, seen=url, allowed="http://HOST:PORT or https://HOST:PORT")
    if parts.username or parts.password:
        raise ConfigError("credentials do not belong into an address", where=where, hint=f"set {KEY}")
    port = parts.port or (443 if parts.scheme == "https" else 9200)
    return {"scheme": parts.scheme, "host": parts.hostname, "port": port, "path_prefix": parts.path.rstrip("/")}


SINK = Elasticsearch()
