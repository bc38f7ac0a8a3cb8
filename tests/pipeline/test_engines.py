"""The engines that run in this process."""

from __future__ import annotations

from typing import Any

import pytest
from engine_suite import *  # noqa: F403


@pytest.fixture(params=["plain", "luigi"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def options() -> dict[str, Any]:
    return {}
