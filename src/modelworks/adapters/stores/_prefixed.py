"""What the places of all object stores on the network share: a bucket and a prefix in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from modelworks.contracts.check import Finding
from modelworks.contracts.objects import Found
from modelworks.core.errors import StoreError


class Prefixed(ABC):
    """Keys below a prefix of a bucket (or container), as the store knows them."""

    def __init__(self, uri: str, bucket: str, path: str) -> None:
        self._uri, self._name, self._prefix = uri, bucket, path.strip("/")

    @abstractmethod
    def find(self, prefix: str) -> Iterator[Found]:
        """As `Objects.find`."""

    def check(self) -> Finding:
        """As `Objects.check`: by a look at the first key."""
        try:
            next(self.find(""), None)
        except StoreError as error:
            return Finding(f"store {self._uri}", "fault", error.message, error.hint)
        return Finding(f"store {self._uri}", "ok", "reachable, may be listed")

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    def _key(self, path: str) -> str:
        return path.removeprefix(f"{self._prefix}/" if self._prefix else "")

    def _where(self, key: str) -> str:
        """The object's address, for errors."""
        return f"{self._uri.partition(':')[0]}://{self._name}/{self._path(key)}"
