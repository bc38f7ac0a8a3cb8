"""Every leaf of workers can be found, knows its options, and refuses what it does not know."""

from __future__ import annotations

import pytest

from modelworks.contracts import workers
from modelworks.core import registry
from modelworks.core.errors import ConfigError

NAMES = registry.names(workers.PACKAGE)


@pytest.mark.parametrize("name", NAMES)
def test_options_have_defaults_and_types(name):
    known = workers.find(name).options
    assert workers.settled(name, {}, "here") == dict(known)
    assert workers.settled(name, dict(known), "here") == dict(known)
    with pytest.raises(ConfigError, match="no such option") as caught:
        workers.settled(name, {"adress": "x"}, "train.workers.options")
    assert caught.value.where == "train.workers.options"
    for key, value in known.items():
        with pytest.raises(ConfigError, match="not of type"):
            workers.settled(name, {key: [value]}, "here")


def test_workers_that_are_not_there_are_named():
    with pytest.raises(ConfigError, match="there is no 'rai'") as caught:
        workers.find("rai")
    assert "did you mean 'ray'?" in caught.value.hint
