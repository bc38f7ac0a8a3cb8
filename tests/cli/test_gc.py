"""`modelworks gc`: what nothing refers to goes, here or in the store that machines share."""

from __future__ import annotations

import os
import time
from pathlib import Path

from commands import modelworks

from modelworks.adapters.stores.file import Folder
from modelworks.pipeline.remote import Remote

SETTINGS = "name: x\ntask: sentiment-analysis\ndata: {source: a.csv}\nstore: file:///%s\n"


def test_old_artifacts_leave_the_shared_store(project: Path, tmp_path: Path) -> None:
    shared, made = tmp_path / "shared", tmp_path / "made"
    (project / "a.csv").write_text("text,label\n" + "good,1\nbad,0\n" * 20)
    (project / "modelworks.yaml").write_text(SETTINGS % shared.as_posix().lstrip("/"))
    made.mkdir()
    (made / "weights").write_bytes(b"w" * 2_000_000)
    remote = Remote(Folder(shared.as_uri()))
    for key in ("old", "new"):
        (made / "name").write_text(key)
        remote.push(made, "train", key)
    for path in (shared / "index" / "train" / "old.json", *(p for p in (shared / "blobs").rglob("*") if p.is_file())):
        os.utime(path, (time.time() - 40 * 86400,) * 2)

    assert "1 artifacts, 0.0 MB would be removed." in modelworks("gc", "--shared", "--dry-run")
    assert remote.has("train", "old")
    assert "0 artifacts" in modelworks("gc", "--shared", "--days", "50")
    assert "train old" in modelworks("gc", "--shared")
    assert not remote.has("train", "old")
    remote.pull("train", "new", tmp_path / "back", tmp_path / "scratch")  # the bytes that both had are still there
    assert (tmp_path / "back" / "name").read_text() == "new"
    assert "0 artifacts" in modelworks("gc")
