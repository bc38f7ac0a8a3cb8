"""The Lance table: what goes in comes out, ids tell content and nothing else, differences are found."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelworks.core import paths
from modelworks.core.errors import DataError
from modelworks.dataset import Dataset, create, diff, history, rows, versions
from modelworks.kinds import Example, Image, Kind, Label, Span, Spans, Text


def some(count: int = 10) -> list[Example]:
    return [
        Example(
            f"n{n}", Text(f"text {n}"), Label("ab"[n % 2]), {"source": "web"}, "test" if n > 7 else "train", f"f:{n}"
        )
        for n in range(count)
    ]


def made(folder: Path, examples: list[Example], **more: object) -> Dataset:
    first = examples[0]
    assert first.target
    return create(folder, examples, input=first.input.name, target=first.target.name, **more)  # type: ignore[arg-type]


def everything(dataset: Dataset) -> list[Example]:
    return [one for split in dataset.splits for one in dataset.examples(split)]


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    made(tmp_path, some(), validation={"notes": []}, licences=[{"what": "d", "licence": "CC0", "source": "s"}])
    found = Dataset.open(tmp_path)
    assert everything(found) == some()
    assert found.splits == {"train": 8, "dev": 0, "test": 2}
    assert (found.input, found.target, found.labels, found.version) == ("text", "label", ("a", "b"), 1)
    assert found.validation == {"notes": []}
    assert found.licences == ({"what": "d", "licence": "CC0", "source": "s"},)
    assert len(found.id) == 64


PAIRS: list[tuple[Kind, Kind | None]] = [
    (Text("é👩‍🚀\0\n"), Label("x")),
    (Image(b"\xff\xd8\0bytes"), Label("cat")),
    (Text("Anna"), Spans((Span(0, 4, "per"),), ((0, 4),))),
    (Text("unlabelled"), None),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].name}-{getattr(pair[1], 'name', None)}")
def test_every_kind_is_kept(tmp_path: Path, pair: tuple[Kind, Kind | None]) -> None:
    one = Example("a", *pair, {}, "train", "f:1")
    target = pair[1].name if pair[1] else "label"
    assert list(create(tmp_path, [one], input=pair[0].name, target=target).examples("train")) == [one]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1, max_size=5))
def test_any_text_is_kept(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    examples = [Example(str(n), Text(t), Label("x"), {"k": t} if t else {}, "train", "") for n, t in enumerate(texts)]
    assert everything(made(tmp_path_factory.mktemp("any"), examples)) == examples


def test_the_id_is_of_the_content_alone(tmp_path: Path) -> None:
    base = made(tmp_path / "a", some()).id
    moved = [replace(one, id=f"other{one.id}", where="elsewhere:1") for one in reversed(some())]
    assert made(tmp_path / "b", moved).id == base
    changes = [
        replace(some()[0], input=Text("other")), replace(some()[0], target=Label("b")),
        replace(some()[0], split="dev"), replace(some()[0], meta={"source": "mail"}),
    ]  # fmt: skip
    ids = {made(tmp_path / f"c{n}", [change, *some()[1:]]).id for n, change in enumerate(changes)}
    assert len(ids | {base}) == 5


def test_the_format_of_the_id_is_pinned(tmp_path: Path) -> None:
    assert made(tmp_path, some(3)).id == "eda6f2b0d9272a017de9d7dc35b8a4d33bf1d34e8cc5d08466d79a2a53b5bcf5"


def test_batches_of_any_size_keep_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BATCH_ROWS", 7)
    examples = [replace(one, id=str(n), split=("train", "dev")[n % 3 == 0]) for n, one in enumerate(some() * 20)]
    dataset = made(tmp_path, examples)
    assert [one.id for one in dataset.examples("dev")] == [str(n) for n in range(200) if n % 3 == 0]


def test_an_example_without_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split"):
        made(tmp_path, [replace(some()[0], split="")])


def test_an_unknown_split_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such split"):
        list(made(tmp_path, some()).examples("dve"))


def test_an_error_of_the_source_comes_through_the_table(tmp_path: Path) -> None:
    def failing() -> Iterator[Example]:
        yield from some()
        raise DataError("the data changed while it was read")

    with pytest.raises(DataError, match="changed"):
        create(tmp_path, failing(), input="text", target="label")


def test_no_dataset_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a dataset"):
        Dataset.open(tmp_path)
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(DataError, match="not a dataset"):
        Dataset.open(tmp_path)


def test_a_damaged_table_is_told(tmp_path: Path) -> None:
    dataset = made(tmp_path, some())
    for path in (tmp_path / "lance").rglob("*.manifest"):
        path.unlink()
    with pytest.raises(DataError, match="cannot open the table"):
        list(dataset.examples("train"))


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """A limit on file sizes stands in for the end of the disk."""
    code = f"""
import resource
from modelworks.core.errors import StoreError
from modelworks.dataset import create
from modelworks.kinds import Example, Image, Label
import lance, os
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
examples = (Example(str(n), Image(os.urandom(9000)), Label("x"), dict(), "train", "") for n in range(100))
try:
    create(__import__("pathlib").Path({str(tmp_path)!r}), examples, input="image", target="label")
except StoreError as error:
    print("told:", error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "told: free some disk space" in done.stdout, done.stderr


class TestDiff:
    def test_nothing_changed(self, tmp_path: Path) -> None:
        found = diff(made(tmp_path / "a", some()), made(tmp_path / "b", list(reversed(some()))))
        assert (found.added, found.removed, found.relabelled, found.moved) == (0, 0, 0, 0)
        assert found.old == found.new

    def test_all_that_changed(self, tmp_path: Path) -> None:
        before = some()
        after = [
            *before[2:], replace(before[1], target=Label("a")),
            Example("new", Text("new"), Label("c"), {}, "dev", "g:1")
        ]  # fmt: skip
        after[0] = replace(after[0], split="dev")
        found = diff(made(tmp_path / "a", before), made(tmp_path / "b", after))
        assert (found.added, found.removed, found.relabelled, found.moved) == (1, 1, 1, 1)
        assert found.added_where == ("g:1",)
        assert found.removed_where == ("f:0",)
        assert [(change.where, change.old, change.new) for change in found.changes] == [("f:1", "b", "a")]
        assert found.splits == {"train": (8, 6), "dev": (0, 2), "test": (2, 2)}
        assert found.labels == {"a": (5, 5), "b": (5, 4), "c": (0, 1)}

    def test_copies_are_counted(self, tmp_path: Path) -> None:
        found = diff(made(tmp_path / "a", some()), made(tmp_path / "b", [*some(), some()[3], some()[3]]))
        assert (found.added, found.removed) == (2, 0)

    def test_spans_are_compared_by_value(self, tmp_path: Path) -> None:
        one = Example("a", Text("Anna"), Spans((Span(0, 4, "per"),)), {}, "train", "f:1")
        other = replace(one, target=Spans((Span(0, 2, "per"),)))
        found = diff(made(tmp_path / "a", [one]), made(tmp_path / "b", [other]))
        assert found.changes[0].new["spans"] == [{"start": 0, "end": 2, "label": "per"}]


class TestHistory:
    def test_versions_of_a_project(self, tmp_path: Path) -> None:
        for key, count in (("k1", 4), ("k2", 6), ("k3", 6)):
            made(paths.store(tmp_path) / "prepare" / key, some(count))
        assert [(v.number, v.splits["train"]) for v in versions(tmp_path)] == [(1, 4), (2, 6)]
        assert history.find(tmp_path, "latest").splits["train"] == 6
        assert history.find(tmp_path, "previous").splits["train"] == 4
        assert history.find(tmp_path, "1").id == history.find(tmp_path, versions(tmp_path)[0].id[:8]).id

    def test_an_unknown_version_names_the_known(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            history.find(tmp_path, "latest")
        assert caught.value.allowed == "none yet"
        made(paths.store(tmp_path) / "prepare" / "k1", some(4))
        with pytest.raises(DataError) as caught:
            history.find(tmp_path, "7")
        assert caught.value.allowed[0].startswith("1 (")
