import sys
from pathlib import Path

import pytest

from modelworks.core import registry
from modelworks.core.errors import ConfigError, MissingExtra


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    room = tmp_path / "planted_pkg" / "leaves"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").write_text("")
    (room / "__init__.py").write_text("")
    (room / "good_leaf.py").write_text("LEAF = 'good'")
    (room / "broken.py").write_text("import no_such_package_anywhere")
    (room / "heavy.py").write_text("import luigi_missing_for_test")
    (room / "_hidden.py").write_text("LEAF = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "planted_pkg.leaves"
    for name in [m for m in sys.modules if m.startswith("planted_pkg")]:
        del sys.modules[name]


def test_finds_by_name_and_lists(package: str) -> None:
    assert registry.leaf(package, "good-leaf", "LEAF") == "good"
    assert registry.names(package) == ["broken", "good-leaf", "heavy"]


def test_unknown_name_gives_the_nearest(package: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.leaf(package, "god-leaf", "LEAF")
    assert "good-leaf" in str(caught.value)


@pytest.mark.parametrize("name", ["_hidden", "../x", "good leaf", "", "__init__"])
def test_names_that_are_no_leaves(package: str, name: str) -> None:
    with pytest.raises(ConfigError):
        registry.leaf(package, name, "LEAF")


def test_a_broken_leaf_is_not_an_unknown_name(package: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package_anywhere"):
        registry.leaf(package, "broken", "LEAF")


def test_a_missing_optional_package_names_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._EXTRAS, "luigi_missing_for_test", "luigi")
    with pytest.raises(MissingExtra, match="modelworks"):
        registry.leaf(package, "heavy", "LEAF")
