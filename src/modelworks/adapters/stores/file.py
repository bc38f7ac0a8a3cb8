"""A folder as a store: a disk that machines share (NFS, a mounted volume). `file:///srv/modelworks`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelworks.contracts.check import Finding
from modelworks.contracts.objects import Found
from modelworks.core import files
from modelworks.core.errors import StoreError


class Folder:
    """Objects as files below a root."""

    def __init__(self, uri: str) -> None:
        self._root = Path(unquote(urlsplit(uri).path)).absolute()

    def put(self, key: str, source: Path) -> None:
        target = self._root / key
        if target.is_file():
            return
        part = target.with_name(f".{target.name}.{os.uname().nodename}.{os.getpid()}")
        with files.telling(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(source, part)
                files.sync(part)
                os.replace(part, target)
                files.sync(target.parent)
            finally:
                part.unlink(missing_ok=True)

    def get(self, key: str, target: Path) -> None:
        try:
            stream = (self._root / key).open("rb")
        except OSError as error:
            raise StoreError(f"cannot be read: {error.strerror}", where=str(self._root / key)) from error
        with stream, files.telling(target), target.open("ab") as out:
            stream.seek(out.tell())
            shutil.copyfileobj(stream, out, 1 << 20)

    def size(self, key: str) -> int | None:
        path = self._root / key
        return path.stat().st_size if path.is_file() else None

    def find(self, prefix: str) -> Iterator[Found]:
        folder = self._root / prefix.rpartition("/")[0]
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix) and path.is_file() and not path.name.startswith("."):
                known = path.stat()
                yield Found(key, known.st_size, known.st_mtime)

    def delete(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)

    def check(self) -> Finding:
        what = f"store {self._root}"
        try:
            self._root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return Finding(what, "fault", str(error.strerror), "mount it, or name another folder in `store`")
        if not os.access(self._root, os.W_OK):
            return Finding(what, "fault", "not writable", f"chown it to {os.getuid()}")
        return Finding(what, "ok", "readable and writable")


STORE = Folder
