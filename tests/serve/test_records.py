"""Records: written aside, bounded, rotated."""

from __future__ import annotations

import hashlib
import json
import time

from record_files import lines

from modelworks import kinds
from modelworks.kinds import Image, Label, Text
from modelworks.serve.records import Record, Records, line


def record(number: int = 0, value: kinds.Kind | None = None) -> Record:
    return Record(1e9, f"r-{number}", 0, "ab" * 32, "tiny", "7", value or Text(f"text {number}"), Label("good"), 0.0015)


def test_all_records_are_written_in_order_by_close(tmp_path):
    records = Records(tmp_path)
    for number in range(1000):
        records.add(record(number))
    records.close()
    assert [row["http"]["request"]["id"] for row in lines(tmp_path)] == [f"r-{n}" for n in range(1000)]
    assert records.dropped == 0


def test_a_line_holds_who_what_and_when():
    found = json.loads(line(record(), "i-1"))
    ours = found["modelworks"]
    assert found["@timestamp"] == "2001-09-09T01:46:40.000000+00:00"
    assert ours["input"]["value"] == {"text": "text 0"}
    assert ours["prediction"] == {"kind": "label", "value": {"label": "good"}, "label": ["good"]}
    assert ours["bundle"] == "ab" * 32
    assert (found["event"]["id"], found["event"]["duration"]) == ("i-1", 1_500_000)
    assert (found["service"]["name"], found["service"]["version"]) == ("tiny", "7")


def test_labels_stand_once_and_scores_as_their_mean():
    spans = kinds.decode("entities", {"entities": [
        {"start": 0, "end": 1, "entity_group": "PER", "word": "A", "score": 0.5},
        {"start": 2, "end": 3, "entity_group": "LOC", "word": "B", "score": 0.75},
        {"start": 4, "end": 5, "entity_group": "PER", "word": "C", "score": 1.0},
    ]})  # fmt: skip
    said = json.loads(line(record()._replace(prediction=spans), "i"))["modelworks"]["prediction"]
    assert said["label"] == ["LOC", "PER"]
    assert said["score"] == 0.75
    assert len(said["value"]["entities"]) == 3


def test_every_record_has_an_id_of_its_own_also_after_a_restart(tmp_path):
    for _ in range(2):
        records = Records(tmp_path)
        for _ in range(100):
            records.add(record())  # the same request id, at the same time
        records.close()
    assert len({row["event"]["id"] for row in lines(tmp_path)}) == 200


def test_pictures_and_private_inputs_are_kept_as_digests_alone():
    for private in (line(record(), "i", inputs=False), line(record(value=Image(b"secret")), "i")):
        found = json.loads(private)["modelworks"]["input"]
        assert "value" not in found
        assert found["size"] == 6
        assert len(found["sha256"]) == 64
    assert found["sha256"] == hashlib.sha256(kinds.encode(Image(b"secret"))).hexdigest()


def test_a_full_queue_drops_and_counts_without_waiting(tmp_path):
    records = Records(tmp_path, queue=10, every=0.3)
    start = time.monotonic()
    for number in range(1000):
        records.add(record(number))
    assert time.monotonic() - start < 0.2
    records.close()
    assert records.dropped == 990
    assert len(lines(tmp_path)) == 10


def test_files_are_rotated_by_size_and_the_oldest_go(tmp_path):
    records = Records(tmp_path, file_bytes=2000, files=3, every=0.01)
    for number in range(300):
        records.add(record(number))
        if number % 20 == 0:
            time.sleep(0.02)
    records.close()
    kept = sorted(tmp_path.glob("*.jsonl"))
    assert len(kept) == 3
    assert lines(tmp_path)[-1]["http"]["request"]["id"] == "r-299"


def test_a_disk_that_refuses_costs_records_and_nothing_else(tmp_path):
    folder = tmp_path / "records"
    records = Records(folder, every=0.01)
    folder.rmdir()
    folder.write_text("in the way")
    records.add(record())
    records.close()
    assert records.dropped == 1
