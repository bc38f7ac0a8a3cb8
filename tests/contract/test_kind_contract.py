"""Every kind keeps the contract (docs/decisions/0006), and no room but the leaves names a concrete one."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import modelworks
from modelworks import kinds
from modelworks.bundle import Limits
from modelworks.contracts import task as tasks
from modelworks.core import registry
from modelworks.kinds import KINDS, Edit, Kind

SAMPLED = sorted(name for name, cls in KINDS.items() if cls.sample)
TASKS = registry.names(tasks.PACKAGE)
SOURCE = Path(modelworks.__file__).parent


def fields(name: str) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(KINDS[name])}


@pytest.mark.parametrize("name", SAMPLED)
def test_the_sample_is_a_value(name: str) -> None:
    value = kinds.decode(name, json.dumps(dict(KINDS[name].sample)).encode())
    value.check()
    assert kinds.decode(name, kinds.encode(value)) == value
    assert isinstance(value.as_text(), str)
    assert "\n" not in value.as_text()
    assert all(isinstance(text, str) and (score is None or 0 <= score <= 1) for text, score in value.rows())
    assert value.plain().plain() == value.plain()
    assert all(hasattr(Limits(), f"max_{unit}") and amount >= 0 for unit, amount in value.extents().items())
    shorter = value.shorter()
    assert shorter is None or (shorter.name == name and shorter.size() <= value.size())
    longer = value.resized(40)
    assert longer is None or (longer.name == name and longer.size() > value.resized(20).size())


@pytest.mark.parametrize("name", sorted(KINDS))
def test_columns_and_needs_are_fields(name: str) -> None:
    cls = KINDS[name]
    known = fields(name) | set(cls.columns)
    assert all(names and len(set(names)) == len(names) for names in cls.columns.values())
    assert all(field in known for needed in cls.needs for field in needed)
    assert set(cls.opened) <= fields(name)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_bare_bytes_are_a_value_or_refused(name: str) -> None:
    cls = KINDS[name]
    for data in (b"abc", b"", b"\xff\xfe", "ß 中 👩‍🚀".encode()):
        try:
            value = cls.raw(data)
        except ValueError:
            continue
        assert cls.media, f"{name} reads bare bytes, so it has a media type"
        assert value.name == name
    if not cls.media:
        with pytest.raises(ValueError, match="JSON"):
            cls.raw(b"abc")


@pytest.mark.parametrize("name", TASKS)
def test_the_kinds_of_a_task_fit(name: str) -> None:
    task = tasks.find(name)
    for example in task.example():
        assert example.input.name == task.input
        example.input.check()
        assert example.input.plain().size() > 0
        if example.target is not None:
            assert example.target.name == task.target
            example.target.check()
            example.target.fits(example.input)


@pytest.mark.parametrize("name", TASKS)
def test_labels_can_be_counted(name: str) -> None:
    """A counter takes a mapping for counts, so labels never come as one."""
    for example in tasks.find(name).example():
        if example.target is not None:
            counts = Counter[str]()
            for _ in range(2):
                counts.update(example.target.labels())
            assert all(isinstance(label, str) and amount >= 2 for label, amount in counts.items())


@pytest.mark.parametrize("name", TASKS)
def test_values_come_back_from_their_fields(name: str) -> None:
    """A row of a table holds the fields of the input and the target side by side."""
    if not tasks.find(name).learnt:
        pytest.skip("it is not learnt from tables")
    for example in tasks.find(name).example():
        given = json.loads(kinds.encode(example.input)) if not _holds_bytes(example.input) else None
        if given is None:
            continue
        assert type(example.input).from_fields(given) == example.input
        if example.target is not None:
            row = given | json.loads(kinds.encode(example.target))
            assert type(example.target).from_fields(row, example.input) == example.target


def _holds_bytes(value: Kind) -> bool:
    return any(field.type is bytes for field in msgspec.structs.fields(type(value)))


@pytest.mark.parametrize("name", TASKS)
def test_edits_move_targets_along(name: str) -> None:
    for example in tasks.find(name).example():
        for value in (example.input, example.target):
            if value is None or value.edited([]) is None:
                continue
            assert value.edited([]) == value
        text = getattr(example.input, "text", None)
        if text is None or example.target is None:
            continue
        edits = [Edit(0, 0, "🦤 ")]
        moved, target = example.input.edited(edits), example.target.edited(edits)
        if moved is None or target is None:
            continue
        target.check()
        target.fits(moved)
        assert [moved.text[a:b] for a, b in target.stretches()] == [text[a:b] for a, b in example.target.stretches()]


@pytest.mark.parametrize("name", TASKS)
def test_stretches_lie_in_the_input(name: str) -> None:
    for example in tasks.find(name).example():
        if example.target is not None:
            assert all(0 <= start <= end <= example.input.size() for start, end in example.target.stretches())


# No room but the leaves names a concrete kind

ROOMS = (
    "core", "contracts", "bundle", "dataset", "serve", "starters", "pipeline", "adapters", "cli", "stages/prepare",
    "stages/optimize", "stages/release",
)  # fmt: skip
FILES = (
    *(SOURCE / "stages" / "evaluate").glob("*.py"), SOURCE / "lifecycle.py",
    *(SOURCE / "formats" / f"_{name}.py" for name in ("columns", "delimited", "arrow", "splits", "text", "writing")),
    *(SOURCE / "stages" / "learn" / f"{name}.py" for name in (
        "training", "exporting", "fit", "loop", "judge", "rows", "tune", "setting", "checkpoint", "parity", "state",
    )),
)  # fmt: skip
LEAVES = ("bundle/encoder.py", "bundle/indexing.py", "bundle/from_gguf.py")
"""Of those rooms, what is about one kind by its purpose: collections hold documents, a GGUF file continues prompts."""
CONCRETE = {cls.__name__ for cls in KINDS.values()}


def _general() -> Iterator[Path]:
    for room in ROOMS:
        paths = (SOURCE / room).rglob("*.py")
        yield from (path for path in paths if path.relative_to(SOURCE).as_posix() not in LEAVES)
    yield from FILES


@pytest.mark.parametrize("path", sorted(_general()), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_general_code_names_a_concrete_kind(path: Path) -> None:
    assert named(path.read_text("utf-8")) == set()


def named(source: str) -> set[str]:
    """Concrete kinds that a module imports, or reaches through the kinds room."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("modelworks.kinds"):
            found |= {alias.name for alias in node.names} & CONCRETE
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "kinds":
            found |= {node.attr} & CONCRETE
    return found


def test_a_planted_name_is_found() -> None:
    assert named("from modelworks.kinds import Kind, Text") == {"Text"}
    assert named("def f():\n    from modelworks.kinds.image import Image") == {"Image"}
    assert named("from modelworks import kinds\nkinds.Labels") == {"Labels"}
