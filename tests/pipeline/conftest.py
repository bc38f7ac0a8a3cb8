from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent.parent / "support"


@pytest.fixture(autouse=True)
def stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `planted_stages` importable here and in child processes."""
    monkeypatch.syspath_prepend(str(SUPPORT))
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
