"""The step `prepare` on good data and on every kind of bad data."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from modelworks.core.errors import ConfigError, DataError
from modelworks.dataset import Dataset

Table = Callable[..., str]


def texts(dataset: Dataset, split: str) -> list[str]:
    return [one.input.text for one in dataset.examples(split)]  # type: ignore[attr-defined]


def jpeg(seed: int, size: int = 24) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", pixels)[1])


class TestGoodData:
    def test_becomes_a_dataset(self, prepared: Any, table: Table) -> None:
        prepared.write("data/reviews.csv", table(200))
        dataset = prepared.run(source="data/*.csv")
        assert sum(dataset.splits.values()) == 200
        assert all(dataset.splits.values())
        assert dataset.labels == ("bad", "good")
        report = dataset.validation
        assert report["sources"] == [
            {"path": "data/reviews.csv", "format": "csv", "columns": {"text": "text", "label": "label"}}
        ]
        assert report["split"] == "stratified (test 0.2, dev 0.1)"
        assert not any(report["problems"].values())
        assert sum(report["labels"]["train"].values()) == dataset.splits["train"]
        assert next(iter(dataset.examples("train"))).where.startswith("data/reviews.csv:")

    def test_progress_never_tells_more_than_there_is(self, prepared: Any, table: Table) -> None:
        for count, done in ((30, 0), (230, 200)):
            prepared.write("reviews.csv", table(count))
            prepared.run(source="reviews.csv")
            assert prepared.counted["store"] == [count, done]

    def test_again_is_the_same(self, prepared: Any, table: Table) -> None:
        prepared.write("reviews.csv", table())
        assert prepared.run(source="reviews.csv").id == prepared.run(source="reviews.csv").id

    def test_the_tasks_own_examples(self, prepared: Any) -> None:
        rows = "".join(f"w{n}\tB-x\nis\tO\n\n" for n in range(30))
        prepared.write("notes.conll", rows)
        dataset = prepared.run("named-entity-recognition", source="notes.conll")
        assert dataset.labels == ("x",)
        assert (dataset.input, dataset.target) == ("text", "spans")

    def test_an_alias_of_the_task(self, prepared: Any, table: Table) -> None:
        prepared.write("reviews.csv", table())
        assert prepared.run("text-classification", source="reviews.csv").target == "label"

    def test_images(self, prepared: Any) -> None:
        for n in range(40):
            prepared.write(f"images/{'cat' if n % 2 else 'dog'}/{n}.jpg", jpeg(n))
        dataset = prepared.run("image-classification", source="images")
        assert dataset.labels == ("cat", "dog")
        assert sum(dataset.splits.values()) == 40

    def test_a_folder_of_tables(self, prepared: Any, table: Table) -> None:
        prepared.write("data/train.csv", table(30))
        prepared.write("data/deep/test.csv", table(10, first=100))
        prepared.write("data/README.txt", "about, this")
        dataset = prepared.run(source="data")
        assert dataset.splits["test"] == 10
        assert sum(dataset.splits.values()) == 40

    def test_one_name_in_two_folders_gives_distinct_ids(self, prepared: Any, table: Table) -> None:
        prepared.write("a/data.csv", table(20))
        prepared.write("b/data.csv", table(20, first=100))
        dataset = prepared.run(source=["a/data.csv", "b/data.csv"])
        ids = [one.id for split in dataset.splits for one in dataset.examples(split)]
        assert len(set(ids)) == 40

    def test_licences_beside_the_data(self, prepared: Any, table: Table) -> None:
        prepared.write("LICENSE", "Of the code")
        prepared.write("data/SOURCE.txt", "Origin: somewhere\nLicence: CC BY 4.0\n")
        prepared.write("data/reviews.csv", table())
        assert prepared.run(source="data/reviews.csv").licences == (
            {"what": "data", "licence": "CC BY 4.0",
             "source": "data/SOURCE.txt: Origin: somewhere Licence: CC BY 4.0"},
        )  # fmt: skip


class TestGivenSplits:
    def test_by_configuration(self, prepared: Any, table: Table) -> None:
        for name, count, first in (("train", 30, 0), ("dev", 6, 100), ("held", 8, 200)):
            prepared.write(f"{name}.csv", table(count, first=first))
        dataset = prepared.run(train="train.csv", dev="dev.csv", test="held.csv")
        assert dataset.splits == {"train": 30, "dev": 6, "test": 8}
        assert dataset.validation["split"] == "given"

    def test_what_is_not_given_is_cut_from_training(self, prepared: Any, table: Table) -> None:
        prepared.write("train.csv", table(100))
        prepared.write("held.csv", table(20, first=200))
        dataset = prepared.run(train="train.csv", test="held.csv")
        assert dataset.splits["test"] == 20
        assert 0 < dataset.splits["dev"] < 30
        assert dataset.validation["split"] == "given; from the training data stratified (dev 0.1)"

    def test_by_names_of_files(self, prepared: Any, table: Table) -> None:
        prepared.write("my.train.csv", table(30))
        prepared.write("my.test.csv", table(8, first=100))
        assert prepared.run(source="*.csv").splits["test"] == 8

    def test_a_lone_test_file_is_data_like_any_other(self, prepared: Any, table: Table) -> None:
        prepared.write("test.csv", table(60))
        dataset = prepared.run(source="test.csv")
        assert 0 < dataset.splits["test"] < 40

    def test_by_a_column(self, prepared: Any) -> None:
        rows = [f"text {n},{n % 2},{'train' if n < 20 else 'test'}" for n in range(30)]
        prepared.write("data.csv", "\n".join(["text,label,split", *rows]))
        assert prepared.run(source="data.csv").splits["test"] == 10


class TestDuplicates:
    def test_across_splits_leave_the_training_data(self, prepared: Any, table: Table) -> None:
        """The test split keeps them: what is measured must not have been learnt."""
        prepared.write("train.csv", table(30) + "Held  out ,good\nfor dev,bad\n")
        prepared.write("dev.csv", "text,label\nfor dev,bad\nother,good\nin both,good\n")
        prepared.write("held.csv", "text,label\nHeld out,good\nin both,good\nthird,bad\n")
        dataset = prepared.run(train="train.csv", dev="dev.csv", test="held.csv")
        assert dataset.splits == {"train": 30, "dev": 2, "test": 3}
        report = dataset.validation
        assert report["problems"]["leaks"] == 3
        assert [leak["where"] for leak in report["leaks"]] == ["train.csv:32", "train.csv:33", "dev.csv:4"]
        assert not set(texts(dataset, "train")) & set(texts(dataset, "test"))

    def test_within_a_split_are_counted_and_kept(self, prepared: Any, table: Table) -> None:
        prepared.write("data.csv", table(30) + "a text numbered 3,bad\n")
        report = prepared.run(source="data.csv").validation
        assert report["problems"]["duplicates"] == 1
        assert report["duplicates"] == ["data.csv:32"]
        assert report["kept"] == 31
        assert "1 examples repeat an earlier input" in " ".join(prepared.said)

    def test_with_other_labels_are_conflicts(self, prepared: Any, table: Table) -> None:
        prepared.write("data.csv", table(30) + "a text numbered 3,good\n")
        report = prepared.run(source="data.csv").validation
        assert report["problems"]["conflicts"] == 1
        assert report["conflicts"] == [["data.csv:5", "data.csv:32"]]


class TestBadData:
    def test_stops_with_the_first_faults(self, prepared: Any, table: Table) -> None:
        prepared.write("data/reviews.csv", table() + "".join(",good\n" for _ in range(7)))
        with pytest.raises(DataError) as caught:
            prepared.run(source="data/*.csv")
        assert caught.value.message.startswith("7 of 47 examples cannot be used:")
        assert "data/reviews.csv:42: the text is empty" in caught.value.message
        assert "and 2 more" in caught.value.message
        assert "skip_bad: true" in caught.value.hint

    def test_is_left_out_when_asked(self, prepared: Any, table: Table) -> None:
        prepared.write("reviews.csv", table() + ",good\nmore,\nonly one\n")
        dataset = prepared.run(source="reviews.csv", skip_bad=True)
        assert sum(dataset.splits.values()) == 40
        assert dataset.validation["problems"]["bad"] == 3
        assert [bad["where"] for bad in dataset.validation["bad"]] == [f"reviews.csv:{n}" for n in (42, 43, 44)]
        listed = (prepared.project.parent / "artifact1" / "left_out.jsonl").read_text().splitlines()
        assert [json.loads(line)["where"] for line in listed] == [f"reviews.csv:{n}" for n in (42, 43, 44)]
        assert any("reviews.csv:42: the text is empty" in line for line in prepared.said)

    def test_all_bad_stops_also_when_asked_to_skip(self, prepared: Any) -> None:
        prepared.write("reviews.jsonl", '{"text": "", "label": "x"}\n{"text": "", "label": "y"}\n')
        with pytest.raises(DataError, match="2 of 2 examples"):
            prepared.run(source="reviews.jsonl", skip_bad=True)

    def test_missing(self, prepared: Any, table: Table) -> None:
        prepared.write("data/reviews.csv", table())
        with pytest.raises(DataError) as caught:
            prepared.run(source="data/review.csv")
        assert "data/reviews.csv" in caught.value.hint

    @pytest.mark.parametrize("content", ["", "text,label\n"])
    def test_empty(self, prepared: Any, content: str) -> None:
        prepared.write("reviews.csv", content)
        with pytest.raises(DataError, match=r"empty|no examples"):
            prepared.run(source="reviews.csv")

    def test_wrong_column(self, prepared: Any) -> None:
        prepared.write("reviews.csv", "review,sentiment\nfine,a\npoor,b\n")
        with pytest.raises(DataError) as caught:
            prepared.run(source="reviews.csv", columns={"text": "revew"})
        assert caught.value.allowed == ("review", "sentiment")
        assert "'review'" in caught.value.hint

    def test_not_utf8(self, prepared: Any) -> None:
        prepared.write("reviews.csv", "text,label\ncaf\u00e9,a\n".encode("cp1252"))
        with pytest.raises(DataError, match="not UTF-8") as caught:
            prepared.run(source="reviews.csv")
        assert "cp1252" in caught.value.hint

    def test_one_label_only(self, prepared: Any, table: Table) -> None:
        prepared.write("reviews.csv", table(labels=("good",)))
        with pytest.raises(DataError, match="only one label") as caught:
            prepared.run(source="reviews.csv", columns={"label": "label"})
        assert caught.value.seen == "good"

    def test_no_spans_at_all(self, prepared: Any) -> None:
        prepared.write("notes.conll", "a\tO\nb\tO\n\n" * 20)
        with pytest.raises(DataError, match="no labels"):
            prepared.run("named-entity-recognition", source="notes.conll")

    @pytest.mark.parametrize("split", ["dev", "test"])
    def test_a_label_that_training_never_saw(self, prepared: Any, table: Table, split: str) -> None:
        prepared.write("train.csv", table())
        prepared.write("held.csv", "text,label\nfine,good\nodd,godo\nodder,godo\n")
        with pytest.raises(DataError) as caught:
            prepared.run(train="train.csv", **{split: "held.csv"})
        assert f"the {split} split has a label that the training split has not (2 times)" in caught.value.message
        assert (caught.value.where, caught.value.seen) == ("held.csv:3", "godo")
        assert caught.value.hint == "did you mean 'good'?"

    def test_an_unknown_task_or_format(self, prepared: Any, table: Table) -> None:
        prepared.write("reviews.csv", table())
        with pytest.raises(ConfigError, match="no task"):
            prepared.run("sentiment-analisys", source="reviews.csv")
        with pytest.raises(ConfigError, match="csv"):
            prepared.run(source="reviews.csv", format="cvs")

    def test_a_million_characters_are_an_outlier_and_no_fault(self, prepared: Any, table: Table) -> None:
        prepared.write("reviews.csv", table() + f"{'long ' * 200_000},good\n")
        report = prepared.run(source="reviews.csv").validation
        assert report["outliers"] == [{"where": "reviews.csv:42", "size": 1_000_000}]


class TestBadImages:
    def test_are_told_each_with_its_file(self, prepared: Any) -> None:
        for n in range(20):
            prepared.write(f"images/{'cat' if n % 2 else 'dog'}/{n}.jpg", jpeg(n))
        prepared.write("images/cat/90_text.jpg", b"not a picture")
        prepared.write("images/cat/91_cut.jpg", jpeg(99)[:-200])
        prepared.write("images/cat/92_bomb.png", bomb())
        with pytest.raises(DataError) as caught:
            prepared.run("image-classification", source="images")
        assert caught.value.message.startswith("3 of 23 examples cannot be used:")
        for name in ("90_text.jpg", "91_cut.jpg", "92_bomb.png"):
            assert f"images/cat/{name}: " in caught.value.message
        assert "too large" in caught.value.message
        dataset = prepared.run("image-classification", source="images", skip_bad=True)
        assert sum(dataset.splits.values()) == 20


def bomb() -> bytes:
    """A PNG of a few bytes whose header says 60,000 x 60,000 pixels."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_offsets_count_code_points_to_the_end(prepared: Any) -> None:
    rows = []
    for n in range(20):
        text = f"👩‍🚀{n} café 東京 e\u0301 to Paris"
        start = text.index("Paris")
        rows.append(json.dumps({"text": text, "spans": [{"start": start, "end": start + 5, "label": "place"}]}))
    prepared.write("notes.jsonl", "\n".join(rows))
    dataset = prepared.run("named-entity-recognition", source="notes.jsonl")
    for split in dataset.splits:
        for one in dataset.examples(split):
            span = one.target.spans[0]  # type: ignore[union-attr]
            assert one.input.text[span.start : span.end] == "Paris"  # type: ignore[attr-defined]
