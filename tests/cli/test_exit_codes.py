"""What a command ends with: a fault of the program is not a gate that says no."""

from __future__ import annotations

import pytest

from modelworks.cli import main
from modelworks.core.errors import ConfigError, GateFailed


@pytest.mark.parametrize(
    ("raised", "code"), [(GateFailed("no"), 1), (ConfigError("bad"), 2), (ZeroDivisionError("planted"), main.CRASHED)]
)
def test_each_failure_has_its_code(monkeypatch, capsys, raised, code):
    def fail(**_):
        raise raised

    monkeypatch.setattr(main.group, "main", fail)
    with pytest.raises(SystemExit) as caught:
        main.main(["run"])
    assert caught.value.code == code
    assert str(raised).split("\n")[0] in capsys.readouterr().err
