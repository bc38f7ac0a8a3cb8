"""Every sink keeps the contract: nothing is asked of the system before it must be, and nothing hangs."""

from __future__ import annotations

import time

import outside
import pytest

from modelworks.contracts import sink as contract
from modelworks.contracts.sink import Document, SinkError
from modelworks.core import registry
from modelworks.core.errors import ConfigError


@pytest.fixture(params=registry.names(contract.PACKAGE))
def name(request) -> str:
    return str(request.param)


def nowhere() -> str:
    return f"http://127.0.0.1:{outside.free_port()}"


def test_a_door_opens_while_the_system_is_away_and_says_so_when_it_is_used(name):
    door = contract.find(name).open("moods", contract.settled(name, {"url": nowhere()}))
    start = time.monotonic()
    with pytest.raises(SinkError):
        door.send([Document("1", b"{}")])
    assert time.monotonic() - start < 30
    door.close()


def test_check_says_what_is_wrong_and_never_raises(name):
    url = nowhere()
    found = contract.find(name).check("moods", contract.settled(name, {"url": url}))
    assert found.state == "fault"
    assert url in found.what


def test_unknown_options_are_refused_with_the_nearest(name):
    with pytest.raises(ConfigError, match="has no such option") as caught:
        contract.settled(name, {"ur": "x"})
    assert "url" in str(caught.value)


def test_credentials_in_an_address_are_refused(name):
    options = contract.settled(name, {"url": "http://user:secret@127.0.0.1"})
    with pytest.raises(ConfigError, match="credentials"):
        contract.find(name).open("moods", options)
    assert contract.find(name).check("moods", options).state == "fault"
