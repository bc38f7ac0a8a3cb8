"""Records sent on: each once, in order, whatever the sink does; nothing is removed before it was read."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelworks.cli import doctor
from modelworks.cli.main import group
from modelworks.contracts.sink import Document, Outcome, SinkError
from modelworks.core import config, files, registry
from modelworks.core.errors import ConfigError
from modelworks.kinds import Label, Text
from modelworks.serve import deadletters, shipper, spool
from modelworks.serve.records import HELD, Record, Records, line
from modelworks.serve.shipper import Shipper
from modelworks.serve.shipping import Shipping
from modelworks.serve.spool import Spool


class Memory:
    """A sink that keeps documents by their id. `answer(batch)` may raise or say what became of them instead."""

    def __init__(self, answer: Callable[[Sequence[Document]], Outcome | None] = lambda batch: None) -> None:
        self.kept: dict[str, bytes] = {}
        self.sizes: list[int] = []
        self.answer, self.closed = answer, False

    def send(self, batch: Sequence[Document]) -> Outcome:
        self.sizes.append(len(batch))
        said = self.answer(batch) or Outcome({})
        new = [one for at, one in enumerate(batch) if at not in said.again and at not in said.refused]
        known = sum(one.id in self.kept for one in new)
        self.kept |= {one.id: one.body for one in new}
        return Outcome(said.refused, said.again, said.reason, known)

    def close(self) -> None:
        self.closed = True


def fill(folder: Path, count: int, name: str = "records-1.jsonl", start: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / name).open("ab") as stream:
        for number in range(start, start + count):
            one = Record(1e9, f"r-{number}", 0, "ab" * 32, "tiny", "1", Text(f"text {number}"), Label("good"), 0.001)
            stream.write(line(one, f"id-{number}"))


def drained(one: Shipper, rounds: int = 200) -> Shipper:
    for _ in range(rounds):
        if not one.once():
            return one
    pytest.fail("it never ends")


def ids(count: int) -> list[str]:
    return [f"id-{number}" for number in range(count)]


def test_everything_arrives_in_order_and_what_comes_later_too(tmp_path):
    fill(tmp_path, 2500)
    fill(tmp_path, 10, "records-2.jsonl", 2500)
    door = Memory()
    one = drained(Shipper(tmp_path, "memory", door))
    assert list(door.kept) == ids(2510)
    assert (one.shipped, one.known, one.dead, one.waiting) == (2510, 0, 0, 0)
    fill(tmp_path, 5, "records-2.jsonl", 2510)
    drained(one)
    assert list(door.kept) == ids(2515)


def test_a_new_shipper_goes_on_where_the_last_noted_it(tmp_path):
    fill(tmp_path, 100)
    drained(Shipper(tmp_path, "memory", Memory()))
    fill(tmp_path, 7, start=100)
    door = Memory()
    drained(Shipper(tmp_path, "memory", door))
    assert list(door.kept) == ids(107)[100:]


def test_dying_between_the_answer_and_the_note_sends_again_what_the_sink_knows(tmp_path, monkeypatch):
    fill(tmp_path, 50)
    door = Memory()
    monkeypatch.setattr(Spool, "done", lambda self, lines: (_ for _ in ()).throw(OSError("killed")))
    Shipper(tmp_path, "memory", door).once()
    monkeypatch.undo()
    one = drained(Shipper(tmp_path, "memory", door))
    assert list(door.kept) == ids(50)
    assert one.known == 50


def test_a_damaged_note_sends_everything_again(tmp_path):
    fill(tmp_path, 20)
    door = Memory()
    drained(Shipper(tmp_path, "memory", door))
    (tmp_path / ".sinks" / "memory.json").write_text("{")
    assert drained(Shipper(tmp_path, "memory", door)).known == 20


def test_a_sink_that_is_away_is_asked_less_and_later_and_gets_everything_when_it_is_back(tmp_path):
    fill(tmp_path, 1500)
    away = [SinkError("gone")] * 4

    def answer(batch: Sequence[Document]) -> None:
        if away:
            raise away.pop()

    door = Memory(answer)
    one = Shipper(tmp_path, "memory", door)
    pauses = []
    for _ in range(4):
        one.once()
        assert one.problem == "gone"
        pauses.append(one._pause)
    assert door.sizes == [1000, 500, 250, 125]
    assert pauses == sorted(pauses)
    drained(one)
    assert not one.problem
    assert list(door.kept) == ids(1500)


def test_some_that_are_to_be_tried_again_keep_their_place(tmp_path):
    fill(tmp_path, 100)
    rounds = iter([Outcome({2: "bad"}, (5, 90), "429 busy"), Outcome({}, (0,), "429 busy")])
    door = Memory(lambda batch: next(rounds, None))
    one = drained(Shipper(tmp_path, "memory", door))
    assert sorted(door.kept) == sorted({*ids(100)} - {"id-2"})
    assert one.shipped == 99
    assert one.dead == 1


def test_what_is_refused_is_a_dead_letter_once_with_its_reason(tmp_path):
    fill(tmp_path, 10)
    rounds = iter([Outcome({7: "no date"}, (3,), "429"), Outcome({4: "no date"})])  # the same record, seen twice
    drained(Shipper(tmp_path, "memory", Memory(lambda batch: next(rounds, None))))
    letters = [json.loads(row) for row in deadletters.path_of(tmp_path, "memory").read_bytes().splitlines()]
    assert [json.loads(letter["event"]["original"])["event"]["id"] for letter in letters] == ["id-7"]
    assert letters[0]["error"]["message"] == "no date"


def test_lines_that_are_no_records_do_not_stop_the_others(tmp_path):
    fill(tmp_path, 2)
    with (tmp_path / "records-1.jsonl").open("ab") as stream:
        stream.write(b"rubbish\n[1]\n\xff\xfe\n\n" + b"[" * 50_000 + b'\n{"no": "id"}\n{"event": {"id": ""}}\n')
        stream.write(json.dumps({"event": {"id": "x" * 600}}).encode() + b"\n")
    fill(tmp_path, 1, start=2)
    door = Memory()
    one = drained(Shipper(tmp_path, "memory", door))
    assert one.dead == 5
    assert [name for name in door.kept if name.startswith("id-")] == ids(3)
    assert len(door.kept) == 6, "three without an id that can be used got one of their place"
    assert all(len(name) <= 512 for name in door.kept)


def test_a_line_that_is_being_written_waits_and_one_whose_writer_died_does_not(tmp_path):
    fill(tmp_path, 1)
    path = tmp_path / "records-1.jsonl"
    with path.open("ab") as stream:
        stream.write(b'{"event": {"id": "la')
    door = Memory()
    one = drained(Shipper(tmp_path, "memory", door))
    assert list(door.kept) == ["id-0"]
    with path.open("ab") as stream:
        stream.write(b'te"}}\n{"torn')
    drained(one)
    assert list(door.kept) == ["id-0", "late"]
    assert one.dead == 0
    fill(tmp_path, 1, "records-2.jsonl", 1)
    os.utime(path, (1e9, 1e9))
    drained(one)
    assert one.dead == 1
    assert not spool.unread(tmp_path, ("memory",))


def test_too_large_a_batch_is_divided_and_one_alone_that_is_too_large_buried(tmp_path):
    fill(tmp_path, 40)

    def answer(batch: Sequence[Document]) -> None:
        if len(batch) > 8 or any(one.id == "id-20" for one in batch):
            raise SinkError("answered 413", too_large=True)

    door = Memory(answer)
    one = drained(Shipper(tmp_path, "memory", door))
    assert sorted(door.kept) == sorted({*ids(40)} - {"id-20"})
    assert one.dead == 1


def test_a_batch_holds_no_more_bytes_than_it_may(tmp_path, monkeypatch):
    monkeypatch.setattr(shipper, "BYTES", 4000)
    fill(tmp_path, 100)
    door = Memory()
    drained(Shipper(tmp_path, "memory", door))
    assert 1 < max(door.sizes) < 20
    assert list(door.kept) == ids(100)


def test_full_dead_letters_stop_it_and_nothing_is_lost(tmp_path, monkeypatch):
    fill(tmp_path, 1)
    monkeypatch.setattr(deadletters, "FULL", 1)
    one = drained(Shipper(tmp_path, "memory", Memory(lambda batch: Outcome({0: "bad"}))))
    assert (one.dead, one.problem) == (1, "")
    fill(tmp_path, 1, start=1)
    one.once()
    assert "full" in one.problem
    assert (one.dead, one.spool.look() > 0) == (1, True)
    deadletters.path_of(tmp_path, "memory").unlink()
    drained(one)
    assert (one.dead, one.problem, one.waiting) == (2, "", 0)


def test_dead_letters_go_back_among_the_records(tmp_path):
    fill(tmp_path, 10)
    drained(Shipper(tmp_path, "memory", Memory(lambda batch: Outcome({0: "a mapping", 9: "a mapping"}))))
    assert deadletters.revive(tmp_path, "memory") == 2
    assert not deadletters.path_of(tmp_path, "memory").exists()
    door = Memory()
    drained(Shipper(tmp_path, "memory", door))
    assert list(door.kept) == ["id-0", "id-9"]
    assert deadletters.revive(tmp_path, "memory") == 0


def test_an_error_nobody_thought_of_stops_nothing(tmp_path):
    fill(tmp_path, 3)
    rounds = [ZeroDivisionError("bug")]

    def answer(batch: Sequence[Document]) -> None:
        if rounds:
            raise rounds.pop()

    door = Memory(answer)
    one = Shipper(tmp_path, "memory", door)
    one.once()
    assert "ZeroDivisionError" in one.problem
    drained(one)
    assert list(door.kept) == ids(3)


# The thread


def test_two_processes_ship_from_one_folder_and_one_stands_by(tmp_path):
    fill(tmp_path, 10)
    doors = Memory(), Memory()
    with files.locked(Spool(tmp_path, "memory").lock):
        first = Shipper(tmp_path, "memory", doors[0], every=0.01)
        first.start()
        time.sleep(0.1)
        assert not doors[0].kept
    second = Shipper(tmp_path, "memory", doors[1], every=0.01)
    second.start()
    end = time.monotonic() + 20
    while len(doors[0].kept) + len(doors[1].kept) < 10 and time.monotonic() < end:
        time.sleep(0.01)
    first.stop()
    second.stop()
    assert sorted([*doors[0].kept, *doors[1].kept]) == sorted(ids(10))
    assert doors[0].closed
    assert doors[1].closed


def test_stopping_sends_what_is_there(tmp_path):
    fill(tmp_path, 3000)
    door = Memory()
    one = Shipper(tmp_path, "memory", door, every=10)
    one.start()
    one.stop(30)
    assert list(door.kept) == ids(3000)


def test_stopping_does_not_wait_for_a_sink_that_hangs(tmp_path):
    fill(tmp_path, 3)
    free = threading.Event()
    one = Shipper(tmp_path, "memory", Memory(lambda batch: free.wait(60) and None), every=0.01)
    one.start()
    start = time.monotonic()
    one.stop(0.1)
    assert time.monotonic() - start < 20
    free.set()
    one.join(20)


# Rotation


def test_files_that_a_sink_has_not_read_are_kept_up_to_a_bound(tmp_path):
    reader = Spool(tmp_path, "memory")
    records = Records(tmp_path, file_bytes=1, files=2, every=0.01, unread=lambda: spool.unread(tmp_path, ("memory",)))
    for number in range(6):
        records._write([Record(1e9, f"r-{number}", 0, "ab" * 32, "tiny", "1", Text("x"), Label("good"), 0.001)])
        reader.look()
    assert len(list(tmp_path.glob(spool.FILES))) == 6
    reader.done(reader.read(3, 1 << 20))
    records._write([Record(1e9, "r-6", 0, "ab" * 32, "tiny", "1", Text("x"), Label("good"), 0.001)])
    assert len(list(tmp_path.glob(spool.FILES))) == 4, "what was read may go"
    for number in range(7, 30):
        records._write([Record(1e9, f"r-{number}", 0, "ab" * 32, "tiny", "1", Text("x"), Label("good"), 0.001)])
    records.close()
    assert len(list(tmp_path.glob(spool.FILES))) == 2 * HELD
    reader.look()
    assert reader.lost > 0, "and the loss is counted"


# Configuration, server, command


class Planted:
    """A sink for tests."""

    options = {"url": ""}  # noqa: RUF012
    door = Memory()

    def open(self, project: str, options: dict) -> Memory:
        return self.door

    def check(self, project: str, options: dict) -> None:
        raise AssertionError


@pytest.fixture
def planted(monkeypatch) -> Memory:
    found = Planted()
    found.door = Memory()
    leaf = registry.leaf
    monkeypatch.setattr(registry, "leaf", lambda *a: found if a[1] == "planted" else leaf(*a))
    return found.door


def test_a_server_ships_what_it_answers_and_counts_it(tmp_path, text_bundle, planted):
    from modelworks.serve.models import Source
    from modelworks.serve.server import Server

    shipping = Shipping(tmp_path / "records", "moods", {"planted": {}})
    server = Server(Source(text_bundle), config.Serve(port=0), records=tmp_path / "records", shipping=shipping)

    async def go() -> str:
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(server.run(lambda where, served: address.set_result(where)))
        port = int((await address).rsplit(":", 1)[1])
        await ask(port, b'POST /predict HTTP/1.1\r\ncontent-length: 16\r\nconnection: close\r\n\r\n{"text": "good"}')
        said = await ask(port, b"GET /metrics HTTP/1.1\r\nconnection: close\r\n\r\n")
        server.stop()
        await running
        return said

    metrics = asyncio.run(go())
    assert 'modelworks_sink_takes{sink="planted"} 1.0' in metrics
    assert 'modelworks_sink_shipped_total{sink="planted"}' in metrics
    assert len(planted.kept) == 1
    assert json.loads(next(iter(planted.kept.values())))["modelworks"]["input"]["value"] == {"text": "good"}


async def ask(port: int, data: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    said = await reader.read()
    writer.close()
    return said.decode()


def write_project(folder: Path, serve: str) -> None:
    head = "name: moods\ntask: sentiment-analysis\ndata: {}\nengine: plain\nrelease: {registry: none}\n"
    (folder / "modelworks.yaml").write_text(f"{head}serve: {serve}\n")


def test_the_command_ships_until_nothing_waits(project, planted):
    write_project(project, "{sinks: {planted: {}}}")
    fill_ = project / ".modelworks" / "records"
    fill_.parent.mkdir()
    fill(fill_, 30)
    done = CliRunner().invoke(group, ["ship", "planted", "--once", "--json"], standalone_mode=False)
    assert (done.return_value, json.loads(done.output)["shipped"]) == (0, 30)


def test_the_command_says_when_it_cannot(project, planted):
    def refuse(batch: Sequence[Document]) -> None:
        raise SinkError("no way")

    planted.answer = refuse
    write_project(project, "{sinks: {planted: {}}}")
    (project / ".modelworks").mkdir()
    fill(project / ".modelworks" / "records", 3)
    done = CliRunner().invoke(group, ["ship", "planted", "--once", "--seconds", "0.5"], standalone_mode=False)
    assert done.return_value == 1
    assert "no way" in done.output


def test_sinks_without_records_and_options_that_are_none_are_refused(project, text_bundle):
    for serve, said in (
        ("{records: false, sinks: {elasticsearch: {}}}", "no records to send"),
        ("{sinks: {elasticsearch: {ulr: x}}}", "no such option"),
        ("{sinks: {elastik: {}}}", "no 'elastik' among the sinks"),
    ):
        write_project(project, serve)
        with pytest.raises(ConfigError, match=said):
            CliRunner().invoke(
                group, ["serve", str(text_bundle), "--port", "0"], standalone_mode=False, catch_exceptions=False
            )


def test_doctor_asks_the_sinks(project):
    write_project(project, "{sinks: {elasticsearch: {url: 'http://127.0.0.1:1'}}}")
    found = doctor._systems(project, config.load_project(project))
    assert [one["state"] for one in found if one["what"].startswith("elasticsearch http")] == ["fault"]
