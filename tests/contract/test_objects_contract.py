"""Every place that machines can share keeps the contract. A leaf of a bucket is run by its own systems test, which
imports this suite with a fixture `objects` of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from objects_suite import *  # noqa: F403

from modelworks.contracts.objects import Objects, open_objects
from modelworks.core.errors import ConfigError


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return open_objects(f"file://{tmp_path}/shared")


def test_an_unknown_scheme_names_what_there_is() -> None:
    with pytest.raises(ConfigError, match="no 'ftp' among the stores"):
        open_objects("ftp://host/x")
