"""Records: written aside, bounded, rotated."""

from __future__ import annotations

import hashlib
import json
import time

from modelworks import kinds
from modelworks.kinds import Image, Label, Text
from modelworks.serve.records import Record, Records, line


def record(number: int = 0, value: kinds.Kind | None = None) -> Record:
    return Record(1e9, f"r-{number}", 0, "ab" * 32, value or Text(f"text {number}"), Label("good"), 0.0015)


def lines(folder) -> list[dict]:
    return [json.loads(row) for path in sorted(folder.glob("*.jsonl")) for row in path.read_text().splitlines()]


def test_all_records_are_written_in_order_by_close(tmp_path):
    records = Records(tmp_path)
    for number in range(1000):
        records.add(record(number))
    records.close()
    assert [row["http.request.id"] for row in lines(tmp_path)] == [f"r-{n}" for n in range(1000)]
    assert records.dropped == 0


def test_a_line_holds_who_what_and_when():
    found = json.loads(line(record()))
    assert found["@timestamp"] == "2001-09-09T01:46:40.000000+00:00"
    assert found["input"] == {"text": "text 0"}
    assert found["prediction"] == {"label": "good"}
    assert found["bundle"] == "ab" * 32
    assert found["event.duration"] == 1_500_000


def test_pictures_and_private_inputs_are_kept_as_digests_alone():
    for private in (line(record(), inputs=False), line(record(value=Image(b"secret")))):
        found = json.loads(private)
        assert found["input"] is None
        assert found["input.size"] == 6
        assert len(found["input.sha256"]) == 64
    assert found["input.sha256"] == hashlib.sha256(kinds.encode(Image(b"secret"))).hexdigest()


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
    assert lines(tmp_path)[-1]["http.request.id"] == "r-299"


def test_a_disk_that_refuses_costs_records_and_nothing_else(tmp_path):
    folder = tmp_path / "records"
    records = Records(folder, every=0.01)
    folder.rmdir()
    folder.write_text("in the way")
    records.add(record())
    records.close()
    assert records.dropped == 1
