"""Locks merged, JSON made readable, a published bundle brought back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_bundle

from modelworks.adapters.git import readable
from modelworks.adapters.git.merge import merge
from modelworks.bundle import archive, open_manifest
from modelworks.core import lock, paths
from modelworks.core.errors import BundleError, ConfigError
from modelworks.core.lock import Lock, Pin
from modelworks.stages.release import channels, restore


def made(letters: str, **moved: int) -> Lock:
    """A lock of releases named by letters, the last one the champion."""
    pins = tuple(Pin(bundle=letter * 64, version=number) for number, letter in enumerate(letters, 1))
    held = {"champion": len(pins)} if pins else {}
    return Lock(channels={**held, **moved}, history={"champion": tuple(range(1, len(pins)))}, releases=pins)


def letters(merged: Lock) -> str:
    return "".join(pin.bundle[0] for pin in merged.releases)


def test_the_side_that_moved_a_channel_wins():
    assert merge(made("a"), made("a"), made("ab")) == (made("ab"), [])
    assert merge(made("a"), made("ab"), made("a")) == (made("ab"), [])
    assert merge(made("a"), made("ab"), made("ab")) == (made("ab"), [])
    merged, apart = merge(made("a"), made("a", shadow=1), made("ab"))
    assert (merged.channels, apart) == ({"champion": 2, "shadow": 1}, [])


def test_both_moved_keeps_ours_and_every_release_under_a_number_of_its_own():
    merged, apart = merge(made("a"), made("ab"), made("ac", shadow=2))
    assert apart == ["champion"]
    assert letters(merged) == "abc"
    assert [pin.version for pin in merged.releases] == [1, 2, 3]
    assert merged.channels == {"champion": 2, "shadow": 3}  # theirs was 2, and is 3 here


def test_two_first_releases_merge_without_a_common_lock():
    merged, apart = merge(Lock(), made("a"), made("b"))
    assert (letters(merged), apart) == ("ab", ["champion"])


def test_json_is_shown_as_lines_and_anything_else_as_it_is(tmp_path: Path):
    file = tmp_path / "report.json"
    file.write_text(json.dumps({
        "scores": {"f1": {"value": 0.12345, "higher": True}}, "labels": ["a", "b"], "none": [], "id": "f" * 64,
        "slices": [{"column": "length", "value": "1-10", "n": 3}], "releases": [{"version": 2, "x": None}],
    }))  # fmt: skip
    assert readable.text(file).splitlines() == [
        "scores.f1.value: 0.1235", "scores.f1.higher: true", "labels: a, b", "none: ", f"id: {'f' * 16}",
        "slices[length=1-10].column: length", "slices[length=1-10].value: 1-10", "slices[length=1-10].n: 3",
        "releases[2].version: 2", "releases[2].x: null",
    ]  # fmt: skip
    file.write_text("<<<<<<< ours\n{")
    assert readable.text(file) == "<<<<<<< ours\n{"


def test_a_published_bundle_comes_back_when_the_lock_names_it(project: Path, tmp_path: Path):
    manifest = open_manifest(tiny_bundle.make_bundle(tmp_path / "bundle"))
    archive.pack(tmp_path / "bundle", tmp_path / "bundle.zip")
    with pytest.raises(ConfigError, match="none of the project's releases"):
        restore(project, tmp_path / "bundle.zip")
    lock.write(project, Lock(channels={"champion": 1}, releases=(Pin(bundle=manifest.id, version=1),)))
    assert restore(project, tmp_path / "bundle.zip").version == 1
    assert (paths.bundle(project, manifest.id) / "manifest.json").is_file()
    assert channels.promote(project, 1, "shadow").bundle == manifest.id
    (tmp_path / "bundle.zip").write_bytes(b"PK")
    with pytest.raises(BundleError):
        restore(project, tmp_path / "bundle.zip")
