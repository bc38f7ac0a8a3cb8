"""A folder as a store that fails as asked: the wire drops after some bytes, or the place is away."""

from __future__ import annotations

from pathlib import Path

from modelworks.adapters.stores.file import Folder
from modelworks.core.errors import StoreError


class Failing(Folder):
    """Fails at its `fail_at`-th call (from 1), once; a fetch that fails leaves half of its bytes."""

    def __init__(self, root: Path, fail_at: int) -> None:
        super().__init__(root.as_uri())
        self.calls, self.fail_at = 0, fail_at

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.fail_at:
            raise StoreError("the wire dropped", where="planted")

    def put(self, key: str, source: Path) -> None:
        self._count()
        super().put(key, source)

    def get(self, key: str, target: Path) -> None:
        try:
            self._count()
        except StoreError:
            data = (self._root / key).read_bytes()
            target.write_bytes(data[: len(data) // 2])
            raise
        super().get(key, target)

    def size(self, key: str) -> int | None:
        self._count()
        return super().size(key)
