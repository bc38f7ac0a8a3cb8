"""Every bundle that any version ever wrote still opens and answers as it did. A new format version adds a folder
(`python scripts/museum.py`); no entry is ever changed: the ids below stand for every byte of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from modelworks.bundle import Predictor
from modelworks.bundle.manifest import FORMAT
from modelworks.kinds import Text, encode

MUSEUM = Path(__file__).parent
IDS = {"v1/sentiment": "1ba13e3d58f516b3f0dea9a1e76977bc61672c6500dd173a7028e488022b1188"}


@pytest.mark.parametrize("entry", sorted(IDS))
def test_an_entry_opens_for_ever_and_answers_as_it_did(entry: str) -> None:
    predictor = Predictor.open(MUSEUM / entry)
    assert predictor.id == IDS[entry]
    assert encode(predictor.predict([Text("Good but boring and awful")])[0]) == (
        b'{"label":"negative","score":0.9399,"labels":[{"label":"negative","score":0.9399},'
        b'{"label":"positive","score":0.0601}]}'
    )


def test_every_format_version_has_an_entry_and_every_entry_an_id() -> None:
    found = {path.parent.relative_to(MUSEUM).as_posix() for path in MUSEUM.rglob("manifest.json")}
    assert found == set(IDS)
    assert {entry.partition("/")[0] for entry in found} == {f"v{n}" for n in range(1, FORMAT + 1)}
    assert sum(path.stat().st_size for path in MUSEUM.rglob("*") if path.is_file()) < 100_000


@pytest.mark.parametrize("entry", sorted(IDS))
def test_docs_bundle_format_is_enough_to_check_an_entry_without_modelworks(entry: str) -> None:
    folder = MUSEUM / entry
    data = (folder / "manifest.json").read_bytes()
    manifest = json.loads(data)
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert data == canonical + b"\n"
    identity = manifest.pop("id")
    rest = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert hashlib.sha256(b"modelworks:bundle:v1\0" + rest).hexdigest() == identity == IDS[entry]
    for path, file in manifest["files"].items():
        content = (folder / path).read_bytes()
        assert file == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
