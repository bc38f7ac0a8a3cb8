from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworks.core.errors import StoreError
from modelworks.core.hashing import canonical, digest, file_digest, source_digest

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_golden() -> None:
    """These strings may never change: every stored key and bundle id depends on them."""
    assert canonical({"b": [1, 2.5, None], "a": "ü"}) == '{"a":"ü","b":[1,2.5,null]}'.encode()
    assert digest("step", {"a": 1}) == "24fe338b813f4b7a30ac14017f5c8b8ab2842abdccae4e1f4af599a55b7f1e27"
    assert digest("bundle", {"a": 1}) == "a437e6c27ca3fc7c3cdbf3fa3c6fc16a74377fa3a45aafe5355fa0868e7663ff"


@given(PLAIN)
def test_equal_values_have_equal_hashes(value: object) -> None:
    assert digest("t", value) == digest("t", value)


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert digest("t", value) == digest("t", dict(reversed(list(value.items()))))


@given(PLAIN, PLAIN)
def test_different_json_has_different_hashes(one: object, other: object) -> None:
    assert (digest("t", one) == digest("t", other)) == (canonical(one) == canonical(other))


def test_tags_keep_kinds_apart() -> None:
    assert digest("a", 1) != digest("b", 1)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest("t", float("nan"))


def test_lone_surrogates_do_not_crash() -> None:
    assert len(digest("t", "\ud800")) == 64


def test_source_changes_with_any_file(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "a.py").write_text("x = 1")
    (room / "note.txt").write_text("ignored")
    before = source_digest([room])
    (room / "note.txt").write_text("still ignored")
    assert source_digest([room]) == before
    (room / "b.py").write_text("")
    assert source_digest([room]) != before


def test_missing_file_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        file_digest(tmp_path / "none")
