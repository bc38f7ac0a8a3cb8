"""The contract of formats, over every leaf: found, sniffed, read the same twice, robust against any bytes."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelworks import formats
from modelworks.contracts import format as contract
from modelworks.contracts.format import PACKAGE, Bad, Reading
from modelworks.core import registry
from modelworks.core.errors import DataError
from modelworks.kinds import Example, Label, Span, Spans, Text

TEXT = Reading(input="text", target="label")
SPANS = Reading(input="text", target="spans")
IMAGE = Reading(input="image", target="label")
ROWS = [("A fine day", "good"), ("A poor day 😀", "bad"), ("Nothing, at all", "bad")]


def _jpeg(value: int) -> bytes:
    import cv2

    return bytes(cv2.imencode(".jpg", np.full((8, 8, 3), value, np.uint8))[1])


def _delimited(path: Path, mark: str) -> Path:
    lines = [mark.join(("text", "label")), *(mark.join((f'"{text}"', label)) for text, label in ROWS)]
    path.write_text("\n".join(lines), "utf-8")
    return path


def _csv(folder: Path) -> Path:
    return _delimited(folder / "data.csv", ",")


def _tsv(folder: Path) -> Path:
    return _delimited(folder / "data.tsv", "\t")


def _jsonl(folder: Path) -> Path:
    path = folder / "data.jsonl"
    path.write_text("\n".join(json.dumps({"text": t, "label": y}) for t, y in ROWS))
    return path


def _parquet(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "data.parquet"
    pq.write_table(pa.table({"text": [t for t, _ in ROWS], "label": [y for _, y in ROWS]}), path)
    return path


def _huggingface(folder: Path) -> Path:
    import pyarrow as pa

    path = folder / "saved"
    path.mkdir()
    table = pa.table({"text": [t for t, _ in ROWS], "label": [1, 0, 0]})
    with pa.OSFile(str(path / "data-00000-of-00001.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    (path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
    }
    (path / "dataset_info.json").write_text(json.dumps({"features": features}))
    return path


def _tweeteval(folder: Path) -> Path:
    path = folder / "train_text.txt"
    path.write_text("".join(f"{text}\n" for text, _ in ROWS), "utf-8")
    (folder / "train_labels.txt").write_text("1\n0\n0\n", "utf-8")
    (folder / "mapping.txt").write_text("0\tbad\n1\tgood\n", "utf-8")
    return path


def _conll(folder: Path) -> Path:
    path = folder / "data.conll"
    path.write_text("Anna\tB-person\nsmiles\tO\n\nIn\tO\nNew\tB-place\nYork\tI-place\n\nRain\tO\n", "utf-8")
    return path


def _text(folder: Path) -> Path:
    path = folder / "book.txt"
    path.write_text("".join(f"{text} {'and so on, ' * 120}\n" for text, _ in ROWS), "utf-8")
    return path


def _conllu(folder: Path) -> Path:
    path = folder / "data.conllu"
    word = "{}\t{}\t_\t{}\t_\t_\t{}\tdep\t_\t_\n"
    rows = [word.format(1, "Rain", "good", 0) + word.format(2, "falls", "bad", 1), word.format(1, "Stop", "bad", 0)]
    path.write_text("\n".join([*rows, word.format(1, "😀", "good", 0), ""]), "utf-8")
    return path


def _squad(folder: Path) -> Path:
    path = folder / "dev.json"
    asked = [{"id": f"q{n}", "question": text, "answers": []} for n, (text, _) in enumerate(ROWS)]
    paragraphs = [{"context": "A fine day.", "qas": asked}]
    path.write_text(json.dumps({"version": "v2.0", "data": [{"title": "Days", "paragraphs": paragraphs}]}), "utf-8")
    return path


def _subjqa(folder: Path) -> Path:
    path = folder / "train.csv"
    rows = [f'i,{text.split(",")[0]},Fine. ANSWERNOTFOUND,Fine,"(0, 4)"' for text, _ in ROWS]
    path.write_text("\n".join(["item_id,question,review,human_ans_spans,human_ans_indices", *rows]), "utf-8")
    return path


def _trec(folder: Path) -> Path:
    path = folder / "topics.xml"
    path.write_text(
        "".join(f"<top>\n<num> {n}</num>\n<title>{t}</title>\n</top>\n" for n, (t, _) in enumerate(ROWS)), "utf-8"
    )
    (folder / "z.qrels").write_text("".join(f"{n} 0 d{n} 1\n" for n in range(3)), "utf-8")
    return path


def _beir(folder: Path) -> Path:
    path = folder / "queries.jsonl"
    path.write_text("\n".join(json.dumps({"_id": f"q{n}", "text": text}) for n, (text, _) in enumerate(ROWS)), "utf-8")
    (folder / "qrels").mkdir(exist_ok=True)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td\t1\nq1\td\t1\nq2\te\t2\n", "utf-8")
    return path


PAIRS = Reading(input="text", target="references", columns={"text": "src", "references": "tgt"})


def _moses(folder: Path) -> Path:
    for side, column in (("src", 0), ("tgt", 1)):
        (folder / f"again.{side}").write_text("".join(f"{row[column]}\n" for row in ROWS), "utf-8")
    return folder / "again.src"


def _tmx(folder: Path) -> Path:
    path = folder / "memory.tmx"
    units = (f'<tuv xml:lang="src"><seg>{a}</seg></tuv><tuv xml:lang="tgt"><seg>{b}</seg></tuv>' for a, b in ROWS)
    path.write_text(f'<tmx version="1.4"><body>{"".join(f"<tu>{unit}</tu>" + chr(10) for unit in units)}</body></tmx>')
    return path


def _images(folder: Path) -> Path:
    path = folder / "images"
    for number, (_, label) in enumerate(ROWS):
        (path / label).mkdir(parents=True, exist_ok=True)
        (path / label / f"{number}.jpg").write_bytes(_jpeg(80 * number))
    return path


def _zip(folder: Path) -> Path:
    path = folder / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(_csv(folder), "inner/data.csv")
    return path


READER, SEARCH = Reading(input="pair", target="accepted"), Reading(input="text", target="relevant")
SAMPLES: dict[str, tuple[Callable[[Path], Path], Reading]] = {
    "squad": (_squad, READER), "subjqa": (_subjqa, READER), "trec": (_trec, SEARCH), "beir": (_beir, SEARCH),
    "csv": (_csv, TEXT), "tsv": (_tsv, TEXT), "jsonl": (_jsonl, TEXT), "parquet": (_parquet, TEXT),
    "huggingface": (_huggingface, TEXT), "conll": (_conll, SPANS), "image-folder": (_images, IMAGE),
    "zip": (_zip, TEXT), "conllu": (_conllu, Reading(input="text", target="tags")), "tweeteval": (_tweeteval, TEXT),
    "moses": (_moses, PAIRS), "tmx": (_tmx, PAIRS),
    "text": (_text, Reading(input="prompt", target="continuation")),
}  # fmt: skip

UNLABELLED = ("text", "moses", "tmx", "squad", "subjqa", "trec", "beir")
NAMES = [name for name in registry.names(PACKAGE) if name != "prose"]
"""A file of prose is one document of a collection, and no examples: tests/formats/test_collection_files.py."""


def _examples(path: Path, name: str) -> list[Example]:
    found = list(contract.find(name).read(path, SAMPLES[name][1]))
    assert all(isinstance(one, Example) for one in found), found
    return [one for one in found if isinstance(one, Example)]


def test_every_leaf_has_a_sample() -> None:
    assert set(SAMPLES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestEachFormat:
    def test_is_found_by_its_name(self, name: str) -> None:
        leaf = contract.find(name)
        assert leaf.name == name
        assert leaf.summary
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in leaf.suffixes)

    def test_is_recognised(self, name: str, tmp_path: Path) -> None:
        assert formats.detect(SAMPLES[name][0](tmp_path)).name == name

    def test_reads_checked_examples(self, name: str, tmp_path: Path) -> None:
        path, reading = SAMPLES[name][0](tmp_path), SAMPLES[name][1]
        found = _examples(path, name)
        assert len(found) == 3
        assert len({one.id for one in found}) == 3
        for one in found:
            assert (one.input.name, one.target.name if one.target else "") == (reading.input, reading.target)
            one.input.check()
            assert one.target
            one.target.check()
            assert one.where.startswith(str(tmp_path))

    def test_reads_the_same_twice(self, name: str, tmp_path: Path) -> None:
        path = SAMPLES[name][0](tmp_path)
        assert _examples(path, name) == _examples(path, name)

    def test_knows_the_labels(self, name: str, tmp_path: Path) -> None:
        labels = {label for one in _examples(SAMPLES[name][0](tmp_path), name) for label in one.target.labels()}  # type: ignore[union-attr]
        if name in UNLABELLED:
            assert not labels
            return
        assert labels == ({"person", "place"} if name == "conll" else {"good", "bad"})

    def test_guessed_columns_read_the_same(self, name: str, tmp_path: Path) -> None:
        path, reading = SAMPLES[name][0](tmp_path), SAMPLES[name][1]
        leaf = contract.find(name)
        if leaf.guess is None:
            return
        columns = leaf.guess(path, reading)
        again = Reading(input=reading.input, target=reading.target, columns=columns)
        assert list(leaf.read(path, again)) == list(leaf.read(path, reading))

    def test_writes_what_it_reads(self, name: str, tmp_path: Path) -> None:
        leaf = contract.find(name)
        if leaf.write is None:
            return
        found = _examples(SAMPLES[name][0](tmp_path), name)
        path = tmp_path / f"again{leaf.suffixes[0]}"
        leaf.write(path, found)
        again = _examples(path, name)
        assert [(one.id, one.input, one.target) for one in again] == [(one.id, one.input, one.target) for one in found]

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_any_bytes_are_read_or_refused(self, name: str, tmp_path: Path, data: st.DataObject) -> None:
        """Random bytes, and a good file with a piece changed: examples, faults or a DataError, and nothing else."""
        good = _bytes(name, tmp_path)
        mangled = st.tuples(st.integers(0, len(good)), st.integers(0, 8), st.binary(max_size=8)).map(
            lambda cut: good[: cut[0]] + cut[2] + good[cut[0] + cut[1] :]
        )
        path = tmp_path / f"fuzz{(contract.find(name).suffixes or ('.bin',))[0]}"
        path.write_bytes(data.draw(st.one_of(st.binary(max_size=300), mangled)))
        leaf, reading = contract.find(name), SAMPLES[name][1]
        assert 0 <= leaf.sniff(path, path.read_bytes()) <= 1
        with contextlib.suppress(DataError):
            found = list(leaf.read(path, reading))
            assert all(isinstance(one, Example) or (isinstance(one, Bad) and one.where) for one in found)


def _bytes(name: str, folder: Path) -> bytes:
    made = folder / "made"
    if not made.exists():
        made.mkdir()
        SAMPLES[name][0](made)
    return next(path for path in sorted(made.rglob("*")) if path.is_file()).read_bytes()


AWKWARD = st.text("\"'\t\r\n,;|#=a \u2028\ufeff\0", min_size=1, max_size=12)
WORDS = st.one_of(st.text(st.characters(exclude_categories=("Cs",)), min_size=1), AWKWARD).filter(
    lambda text: bool(text.strip())
)
LABELS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=12)


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(WORDS, LABELS), min_size=1, max_size=6))
def test_any_text_survives_a_table(name: str, tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    made = [Example(f"n{n}", Text(text), Label(label)) for n, (text, label) in enumerate(rows)]
    leaf = contract.find(name)
    assert leaf.write is not None
    path = tmp_path / f"table{leaf.suffixes[0]}"
    leaf.write(path, made)
    found = list(leaf.read(path, TEXT))
    assert [(one.id, one.input, one.target) for one in found if isinstance(one, Example)] == [
        (one.id, one.input, one.target) for one in made
    ], found


@st.composite
def spanned(draw: st.DrawFn) -> tuple[str, Spans]:
    """A text of words with single spaces between, its tokens, and spans over runs of tokens."""
    word = st.one_of(
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1), st.sampled_from("#=OB1-")
    )
    words = draw(st.lists(word, min_size=1, max_size=8))
    tokens, at = [], 0
    for word in words:
        tokens.append((at, at + len(word)))
        at += len(word) + 1
    spans, number = [], 0
    while number < len(words):
        length = draw(st.integers(0, 3))
        if length:
            last = min(number + length, len(words)) - 1
            spans.append(Span(tokens[number][0], tokens[last][1], draw(LABELS)))
        number += max(length, 1)
    return " ".join(words), Spans(tuple(spans), tuple(tokens))


@pytest.mark.parametrize("name", ["conll", "jsonl"])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(spanned(), min_size=1, max_size=4))
def test_any_spans_survive(name: str, tmp_path: Path, rows: list[tuple[str, Spans]]) -> None:
    made = [Example(f"n{n}", Text(text), target) for n, (text, target) in enumerate(rows)]
    leaf = contract.find(name)
    assert leaf.write is not None
    path = tmp_path / f"spans{leaf.suffixes[0]}"
    leaf.write(path, made)
    found = [one for one in leaf.read(path, SPANS) if isinstance(one, Example)]
    assert [(one.id, one.input.plain(), one.target) for one in found] == [  # given tokens may stay with the text too
        (one.id, one.input.plain(), one.target) for one in made
    ]
