"""CSV, TSV, JSON Lines, Parquet and Hugging Face folders: columns, headers, quotes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelworks import formats
from modelworks.contracts import format as contract
from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.kinds import Example, Image, Label, Span, Spans, Text

TEXT = Reading(input="text", target="label")
SPANS = Reading(input="text", target="spans")


def read(path: Path, reading: Reading = TEXT, name: str | None = None) -> list[Example | Bad]:
    leaf = contract.find(name) if name else formats.detect(path)
    return list(leaf.read(path, reading))


def good(found: list[Example | Bad]) -> list[tuple[Any, Any]]:
    assert all(isinstance(one, Example) for one in found), found
    return [(one.input, one.target) for one in found if isinstance(one, Example)]


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


class TestColumns:
    @pytest.mark.parametrize(
        ("header", "columns"),
        [
            ("text,label", {"text": "text", "label": "label"}),
            ("Review,Sentiment", {"text": "Review", "label": "Sentiment"}),
            ("label,sentence", {"text": "sentence", "label": "label"}),
            ("klass,tweet_words", {"text": "tweet_words", "label": "klass"}),
        ],
    )
    def test_are_guessed(self, tmp_path: Path, header: str, columns: dict[str, str]) -> None:
        first = header.split(",")[0].lower() in ("label", "klass")
        rows = [f"{n % 2},a long text number {n}" if first else f"a long text number {n},{n % 2}" for n in range(8)]
        path = file(tmp_path, "data.csv", "\n".join([header, *rows]))
        leaf = contract.find("csv")
        assert leaf.guess
        assert leaf.guess(path, TEXT) == columns
        assert good(read(path))[1] == (Text("a long text number 1"), Label("1"))

    def test_without_header(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.tsv", "one long string of cliches\t0\na fine film\t1\nnot a fine film\t0\n")
        assert good(read(path)) == [
            (Text("one long string of cliches"), Label("0")), (Text("a fine film"), Label("1")),
            (Text("not a fine film"), Label("0")),
        ]  # fmt: skip

    def test_without_header_label_first(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.tsv", "spam\tbuy this now\nham\tsee you tomorrow\nspam\tfree money for you\n")
        assert good(read(path))[0] == (Text("buy this now"), Label("spam"))

    def test_by_number_in_a_headerless_file(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.tsv", "1\tfirst text\n0\tother text\n1\tthird\n")
        assert good(read(path, Reading(input="text", target="label", columns={"text": "2", "label": "1"})))[0] == (
            Text("first text"), Label("1"),
        )  # fmt: skip

    def test_wrong_one_is_named_with_the_nearest(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.csv", "review,sentiment\nfine,pos\n")
        with pytest.raises(DataError) as caught:
            read(path, Reading(input="text", target="label", columns={"text": "reviews"}))
        assert caught.value.where == str(path)
        assert caught.value.seen == "reviews"
        assert caught.value.allowed == ("review", "sentiment")
        assert "'review'" in caught.value.hint

    def test_none_that_looks_like_the_label(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.jsonl", '{"text": "a"}\n{"text": "b"}\n')
        with pytest.raises(DataError, match="no column looks like `label`") as caught:
            read(path)
        assert caught.value.allowed == ("text",)

    def test_others_become_metadata(self, tmp_path: Path) -> None:
        path = file(
            tmp_path, "data.csv", "text,label,user_id,date,source,id,split\nfine,pos,u1,2024-01-02,web,x7,val\n"
        )
        one = read(path)[0]
        assert isinstance(one, Example)
        assert one.id == "x7"
        assert one.split == "dev"
        assert one.meta == {"group": "u1", "time": "2024-01-02", "source": "web"}

    def test_two_of_one_name_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="two columns have one name"):
            read(file(tmp_path, "data.csv", "text,text,label\na,b,c\n"))


class TestQuotes:
    def test_tsv_quotes_are_text_unless_they_close(self, tmp_path: Path) -> None:
        lines = ["text\tlabel", '"Wow" he said\t1', '"quoted, whole"\t0', 'an " inside\t1', '"never closed\t0']
        path = file(tmp_path, "data.tsv", "\n".join(lines) + "\n")
        assert [source.text for source, _ in good(read(path))] == [
            '"Wow" he said', "quoted, whole", 'an " inside', '"never closed',
        ]  # fmt: skip

    def test_a_tsv_quote_that_never_closes_swallows_nothing(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.tsv", 'text\tlabel\n"open\n' + "".join(f"row {n}\t{n % 2}\n" for n in range(300)))
        found = read(path)
        assert sum(isinstance(one, Example) for one in found) == 300
        assert [one.where for one in found if isinstance(one, Bad)] == [f"{path}:2"]

    def test_tsv_with_a_quoted_header_is_quoted(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.tsv", '"text"\t"label"\n"a\tb\nc"\tx\n')
        assert good(read(path)) == [(Text("a\tb\nc"), Label("x"))]

    def test_tsv_with_line_ends_in_cells(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.tsv", 'text\tlabel\n"two\r\nlines"\tx\nplain\ty\n')
        assert good(read(path)) == [(Text("two\r\nlines"), Label("x")), (Text("plain"), Label("y"))]

    def test_csv_with_line_ends_in_cells(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.csv", 'text,label\r\n"two\r\nlines",a\r\nplain,b\r\n')
        found = read(path)
        assert good(found) == [(Text("two\r\nlines"), Label("a")), (Text("plain"), Label("b"))]
        assert [one.where for one in found] == [f"{path}:2", f"{path}:4"]

    def test_csv_with_semicolons(self, tmp_path: Path) -> None:
        assert good(read(file(tmp_path, "data.csv", "text;label\nhallo, Welt;gut\n"))) == [
            (Text("hallo, Welt"), Label("gut"))
        ]

    def test_a_quote_that_never_closes_is_told_where_it_opens(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.csv", 'text,label\nfine,a\n"open,b\nmore,c\n')
        bad = read(path)[1]
        assert isinstance(bad, Bad)
        assert bad.where == f"{path}:3"
        assert "quote" in bad.message


class TestBadRows:
    def test_are_told_with_line_and_the_rest_is_read(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.csv", "text,label\nfine,a\nonly one\n,b\nfine too,\nlast,b\n")
        found = read(path)
        assert [(one.where.rpartition(":")[2], one.message) for one in found if isinstance(one, Bad)] == [
            ("3", "wrong number of columns"), ("4", "the text is empty"), ("5", "the label is empty"),
        ]  # fmt: skip
        assert [one.input for one in found if isinstance(one, Example)] == [Text("fine"), Text("last")]

    def test_in_json_lines(self, tmp_path: Path) -> None:
        path = file(
            tmp_path, "data.jsonl", '{"text": "a", "label": "x"}\n{"text": \n[1]\n{"text": ["a"], "label": "x"}\n'
        )
        found = read(path)
        assert isinstance(found[0], Example)
        assert [(one.where.rpartition(":")[2], one.message.split(":")[0]) for one in found if isinstance(one, Bad)] == [
            ("2", "not JSON"), ("3", "not an object"), ("4", "the text is a list, not one value"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("spans", "message"),
        [
            ([{"start": 0, "end": 99, "label": "x"}], "past the end"),
            ([{"start": 3, "end": 3, "label": "x"}], "empty or reversed"),
            ([{"start": -1, "end": 3, "label": "x"}], "empty or reversed"),
            ([{"start": 0, "end": 3, "label": "x"}, {"start": 2, "end": 4, "label": "x"}], "overlaps"),
            ([{"start": 0, "end": 3}], "start, end, label"),
            ([{"start": "0", "end": 3, "label": "x"}], "whole numbers"),
            ("nothing", "not a list"),
        ],
    )
    def test_spans(self, tmp_path: Path, spans: Any, message: str) -> None:
        path = file(tmp_path, "data.jsonl", json.dumps({"text": "Anna lives", "entities": spans}))
        bad = read(path, SPANS)[0]
        assert isinstance(bad, Bad)
        assert message in bad.message

    def test_offsets_count_code_points(self, tmp_path: Path) -> None:
        text = "👩‍🚀 é in Paris"
        start = text.index("Paris")
        path = file(tmp_path, "data.jsonl", json.dumps({"text": text, "spans": [[start, start + 5, "place"]]}))
        assert good(read(path, SPANS)) == [(Text(text), Spans((Span(start, start + 5, "place"),)))]


class TestEncodings:
    @pytest.mark.parametrize(
        ("encoding", "text", "guess"),
        [("cp1252", "text,label\nna\u00efve \u2013 caf\u00e9,a\n", "cp1252"),
         ("utf-16", "text,label\nfine,a\n", "utf-16"),
         ("utf-16-le", "text,label\nfine,a\n", "utf-16"), ("latin-1", "text,label\nx\x81\xe9,a\n", "latin-1")],
    )  # fmt: skip
    def test_others_are_refused_with_a_guess(self, tmp_path: Path, encoding: str, text: str, guess: str) -> None:
        path = tmp_path / "data.csv"
        path.write_bytes(text.encode(encoding))
        with pytest.raises(DataError, match="not UTF-8") as caught:
            read(path)
        assert caught.value.where.startswith(f"{path}:")
        assert f"iconv -f {guess} " in caught.value.hint

    def test_a_byte_order_mark_is_dropped(self, tmp_path: Path) -> None:
        path = tmp_path / "data.csv"
        path.write_bytes("text,label\nfine,a\n".encode("utf-8-sig"))
        assert good(read(path)) == [(Text("fine"), Label("a"))]

    def test_an_empty_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="empty"):
            read(file(tmp_path, "data.csv", ""))

    def test_unknown_content_names_the_formats(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no format") as caught:
            read(file(tmp_path, "notes.bin", "just some prose"))
        assert "csv" in caught.value.allowed


class TestJsonLines:
    def test_tokens_with_tags(self, tmp_path: Path) -> None:
        row = {"tokens": ["In", "New", "York"], "ner_tags": ["O", "B-place", "I-place"]}
        tokens = ((0, 2), (3, 6), (7, 11))
        assert good(read(file(tmp_path, "data.jsonl", json.dumps(row)), SPANS)) == [
            (Text("In New York", tokens), Spans((Span(3, 11, "place"),), tokens))
        ]

    def test_an_array_of_objects(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.json", json.dumps([{"text": "a", "label": 1}, {"text": "b", "label": True}]))
        assert good(read(path)) == [(Text("a"), Label("1")), (Text("b"), Label("true"))]

    def test_images_in_base64(self, tmp_path: Path) -> None:
        path = file(
            tmp_path, "data.jsonl", '{"image": "aGk=", "label": "x"}\n{"image": "no such file", "label": "x"}\n'
        )
        found = read(path, Reading(input="image", target="label"))
        assert isinstance(found[0], Example)
        assert found[0].input == Image(b"hi")
        assert isinstance(found[1], Bad)

    def test_a_text_of_a_million_characters(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.jsonl", json.dumps({"text": "ab " * 400_000, "label": "x"}))
        assert good(read(path))[0][0].size() == 1_200_000

    def test_a_cell_of_a_million_characters(self, tmp_path: Path) -> None:
        path = file(tmp_path, "data.csv", f'text,label\n"{"ab " * 400_000}",x\n')
        assert good(read(path))[0][0].size() == 1_200_000


class TestArrow:
    def test_class_names_of_parquet(self, tmp_path: Path) -> None:
        features = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        table = pa.table({"text": ["a", "b", "c"], "label": [1, 0, -1]}).replace_schema_metadata(metadata)
        path = tmp_path / "data.parquet"
        pq.write_table(table, path)
        found = read(path)
        assert [one.target for one in found if isinstance(one, Example)] == [Label("pos"), Label("neg")]
        assert isinstance(found[2], Bad)

    def test_a_damaged_file_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "data.parquet"
        pq.write_table(pa.table({"text": ["a"], "label": ["x"]}), path)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(DataError, match="not a Parquet file"):
            read(path)

    def test_a_folder_of_splits(self, tmp_path: Path) -> None:
        tags = {"feature": {"names": ["O", "B-x", "I-x"], "_type": "ClassLabel"}, "_type": "Sequence"}
        for split in ("train", "validation"):
            folder = tmp_path / "saved" / split
            folder.mkdir(parents=True)
            table = pa.table({"tokens": [["In", split]], "ner_tags": [[0, 1]]})
            with pa.OSFile(str(folder / "data.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
                out.write_table(table)
            (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
            (folder / "dataset_info.json").write_text(json.dumps({"features": {"ner_tags": tags}}))
        (tmp_path / "saved" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "validation"]}))
        found = read(tmp_path / "saved", SPANS)
        assert [(one.split, one.target.spans) for one in found if isinstance(one, Example)] == [  # type: ignore[union-attr]
            ("train", (Span(3, 8, "x"),)), ("dev", (Span(3, 13, "x"),)),
        ]  # fmt: skip

    def test_names_that_climb_out_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["../elsewhere"]}))
        with pytest.raises(DataError, match="not the name of a file"):
            read(tmp_path, SPANS, "huggingface")


EMOTIONS = [("I love it", ("joy", "love")), ("It is nine", ()), ("How dare you", ("anger",))]
SETS = Reading(input="text", target="label_set")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", "\n".join(json.dumps({"text": t, "labels": list(y)}) for t, y in EMOTIONS)),
        ("a.csv", "text,labels\n" + "\n".join(f'{t},"{", ".join(y)}"' for t, y in EMOTIONS)),
        ("a.tsv", "text\temotions\n" + "\n".join(f"{t}\t{'|'.join(y)}" for t, y in EMOTIONS)),
    ],
)
def test_sets_of_labels(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    found = list(formats.detect(tmp_path / name).read(tmp_path / name, SETS))
    assert [one.target.labels_ for one in found] == [y for _, y in EMOTIONS]


def test_a_column_of_yes_and_no_for_each_label(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,anger,joy,love\nI love it,0,1,1\nIt is nine,0,0,0\nHow dare you,1,,0\nWhat,2,0,0\n", "utf-8")
    reading = Reading(input="text", target="label_set", columns={"labels": "anger, joy,love"})
    *found, bad = formats.detect(path).read(path, reading)
    assert [one.target.labels_ for one in found] == [y for _, y in EMOTIONS]
    assert all(not one.meta for one in found)
    assert "anger" in bad.message
    assert bad.where.endswith(":5")
