from pathlib import Path

import pytest

from modelworks.core import lock
from modelworks.core.errors import ConfigError
from modelworks.core.lock import Lock, Pin


def test_round_trip_and_stable_text(tmp_path: Path) -> None:
    now = Lock(channels={"champion": 2}, releases=(Pin(bundle="a" * 64, version=1), Pin(bundle="b" * 64, version=2)))
    lock.write(tmp_path, now)
    text = (tmp_path / lock.FILE).read_text()
    assert lock.read(tmp_path) == now
    lock.write(tmp_path, lock.read(tmp_path))
    assert (tmp_path / lock.FILE).read_text() == text


def test_no_file_is_an_empty_lock(tmp_path: Path) -> None:
    assert lock.read(tmp_path).pin() is None


def test_damage_names_the_way_back(tmp_path: Path) -> None:
    (tmp_path / lock.FILE).write_text("{")
    with pytest.raises(ConfigError, match="damaged") as caught:
        lock.read(tmp_path)
    assert "git checkout" in caught.value.hint


def test_an_older_format_is_read_and_written_anew_in_the_present_one(tmp_path: Path) -> None:
    old = '{"format": 1, "channels": {"champion": 1}, "history": {}, "releases": [{"bundle": "%s", "version": 1}]}'
    (tmp_path / lock.FILE).write_text(old % ("a" * 64))
    now = lock.read(tmp_path)
    assert (now.format, now.pin()) == (lock.FORMAT, Pin(bundle="a" * 64, version=1))


def test_a_newer_format_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / lock.FILE).write_text('{"format": 99, "planets": {}}')
    with pytest.raises(ConfigError, match="newer modelworks") as caught:
        lock.read(tmp_path)
    assert "format 99" in str(caught.value)
