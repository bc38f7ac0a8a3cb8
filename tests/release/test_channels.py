import json
import threading
from pathlib import Path

import pytest

from modelworks.core import lock, paths
from modelworks.core.errors import ConfigError
from modelworks.core.lock import Pin
from modelworks.stages.release import channels, promote, rollback


def release(project: Path, letter: str) -> Pin:
    paths.bundle(project, letter * 64).mkdir(parents=True, exist_ok=True)
    return channels.add(project, Pin(bundle=letter * 64, version=0))


def champion(project: Path) -> str:
    pin = lock.read(project).pin("champion")
    assert pin is not None
    return pin.bundle[0]


def test_release_promote_and_roll_back(project: Path) -> None:
    assert [release(project, x).version for x in "abc"] == [1, 2, 3]
    assert champion(project) == "c"
    promote(project, 1)
    assert champion(project) == "a"
    assert rollback(project).bundle[0] == "c"
    assert rollback(project).bundle[0] == "b"
    assert rollback(project).bundle[0] == "a"
    with pytest.raises(ConfigError, match="no release before"):
        rollback(project)


def test_the_same_bundle_is_the_same_release(project: Path) -> None:
    release(project, "a")
    release(project, "b")
    assert release(project, "a").version == 1
    assert champion(project) == "a"
    assert len(lock.read(project).releases) == 2


def test_channels_are_apart(project: Path) -> None:
    release(project, "a")
    release(project, "b")
    promote(project, 1, "shadow")
    assert champion(project) == "b"
    assert lock.read(project).channels == {"champion": 2, "shadow": 1}
    with pytest.raises(ConfigError, match="no such channel"):
        promote(project, 1, "shaddow")


def test_what_cannot_be_served_is_not_promoted(project: Path) -> None:
    release(project, "a")
    release(project, "b")
    with pytest.raises(ConfigError, match="no such release"):
        promote(project, 7)
    paths.bundle(project, "a" * 64).rmdir()
    with pytest.raises(ConfigError, match="not on this machine"):
        promote(project, 1)
    with pytest.raises(ConfigError, match="not on this machine"):
        rollback(project)
    assert champion(project) == "b"


def test_many_at_once_lose_nothing(project: Path) -> None:
    threads = [threading.Thread(target=release, args=(project, x)) for x in "abcdef0123456789"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = lock.read(project)
    assert sorted(p.version for p in now.releases) == list(range(1, 17))
    assert len({p.bundle for p in now.releases}) == 16
    ledger = [json.loads(line) for line in (paths.home(project) / channels.LEDGER).read_text().splitlines()]
    assert len(ledger) == 16
    assert {entry["action"] for entry in ledger} == {"release"}
