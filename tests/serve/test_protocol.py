"""The protocol class against a transport in memory: any bytes, split anywhere."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.serve.incoming import Limits
from modelworks.serve.message import Pending, Request, Response
from modelworks.serve.protocol import Connection, Host


class Transport:
    """Collects what is written."""

    def __init__(self) -> None:
        self.out, self.ended, self.aborted, self.reading = bytearray(), False, False, True

    def write(self, data: bytes) -> None:
        assert not self.ended, "written after the end"
        self.out += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True


def echo(request: Request) -> Response:
    return Response(
        f"{request.method} {request.path}?{request.query} ".encode() + request.body, media_type="text/plain"
    )


def talk(pieces: list[bytes], handler=echo, limits: Limits | None = None) -> tuple[bytes, bool]:
    """(what the server wrote without dates, whether it ended the connection)."""
    connection, transport = Connection(Host(handler, limits)), Transport()
    connection.connection_made(transport)
    for piece in pieces:
        connection.data_received(piece)
    return re.sub(rb"date: [^\r]*\r\n", b"", bytes(transport.out)), transport.ended


def bodies(out: bytes) -> list[tuple[int, bytes]]:
    """(status, body) of each response in what was written."""
    found = []
    while out:
        head, _, rest = out.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        found.append((int(head.split()[1]), rest[:length]))
        out = rest[length:]
    return found


GET = b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"


NOISE = [b"\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\x00", b"X" * 50]


def test_requests_are_answered_in_order():
    out, ended = talk([GET + POST + CHUNKED])
    assert bodies(out) == [(200, b"GET /a?b=1 "), (200, b"POST /p? hello"), (200, b"POST /c? abcdefg")]
    assert not ended


def test_every_split_gives_the_same_answers():
    whole = GET + POST + CHUNKED
    expected = talk([whole])
    for cut in range(len(whole)):
        assert talk([whole[:cut], whole[cut:]]) == expected
    assert talk([bytes([byte]) for byte in whole]) == expected


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from([GET, POST, CHUNKED, b"\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\x00", b"X" * 50])), st.data()
)
def test_streams_of_good_and_bad_messages_do_not_depend_on_splits(messages, data):
    whole = b"".join(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert talk([p for p in pieces if p]) == talk([whole] if whole else [])


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_arbitrary_bytes_never_raise_and_get_one_fault_at_most(first, second):
    out, ended = talk([part for part in (first, second) if part])
    faults = [status for status, _ in bodies(out) if status >= 400]
    assert len(faults) <= 1
    assert ended or not faults


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60), st.integers(0, len(POST)))
def test_a_mutated_request_never_raises(noise, at):
    talk([GET + POST[:at] + noise + POST[at:]])


def test_answers_that_come_late_keep_their_order():
    waiting: list[Pending[Response]] = []

    def later(request: Request):
        if request.path == "/p":
            waiting.append(Pending())
            return waiting[-1]
        return echo(request)

    connection, transport = Connection(Host(later)), Transport()
    connection.connection_made(transport)
    connection.data_received(POST + GET + POST)
    assert not transport.out
    waiting[1].resolve(Response(b"third"))
    assert not transport.out
    waiting[0].resolve(Response(b"first"))
    assert [body for _, body in bodies(bytes(transport.out))] == [b"first", b"GET /a?b=1 ", b"third"]


def test_head_gets_the_length_without_the_body():
    out, _ = talk([GET.replace(b"GET", b"HEAD")])
    assert b"content-length: 12\r\n" in out
    assert out.endswith(b"\r\n\r\n")


def test_expect_continue_is_answered_before_the_body():
    head = b"POST /p HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    assert talk([head])[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    out, _ = talk([head, b"hello"])
    assert out.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


@pytest.mark.parametrize(
    ("head", "ends"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", True),
    ],
)
def test_connections_are_kept_as_the_client_asks(head, ends):
    out, ended = talk([head, b"GET /never HTTP/1.1\r\n\r\n"] if ends else [head])
    assert ended is ends
    assert len(bodies(out)) == 1


def test_absolute_urls_and_escapes_are_read():
    assert b"GET /a b?c " in talk([b"GET http://host:1/a%20b?c HTTP/1.1\r\n\r\n"])[0]


LIMITS = Limits(head=200, body=10)


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n\r\n"], 431),
        ([b"GET / HTTP/1.1\r\nx: " + b"a" * 300 + b"\r\n\r\n"], 431),
        ([b"GET / HTTP/1.1\r\nx: "] + [b"a" * 50] * 6, 431),
        ([b"GET / HTTP/1.1\r\n"] + [b"x: aaaaaaaaaaaaaaaaaaaa\r\n"] * 20, 431),
        ([b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n"], 413),
        ([b"POST / HTTP/1.1\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"], 413),
        ([b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8\r\naaaaaaaa\r\n8\r\naaaaaaaa\r\n"], 413),
        ([b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"], 400),
        ([b"POST / HTTP/1.1\r\nContent-Length: abc\r\n\r\n"], 400),
        ([b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 100 + b"\r\n\r\n"], 400),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], 400),
        ([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], 400),
    ],
)
def test_limits_are_refused_once_and_the_connection_ends(pieces, status):
    out, ended = talk([*pieces, b"and more"], limits=LIMITS)
    assert [found for found, _ in bodies(out)] == [status]
    assert ended
    assert b'"message"' in out


def test_a_fault_waits_for_the_answers_before_it():
    waiting: Pending[Response] = Pending()
    connection, transport = Connection(Host(lambda request: waiting)), Transport()
    connection.connection_made(transport)
    connection.data_received(GET + b"rubbish\r\n\r\n")
    assert not transport.out
    waiting.resolve(Response(b"good"))
    assert [status for status, _ in bodies(bytes(transport.out))] == [200, 400]


def expired(connection: Connection) -> None:
    assert connection.deadline > time.monotonic()
    connection.deadline = 0
    connection.host.tick()


@pytest.mark.parametrize("start", [b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel"])
def test_a_slow_client_gets_408(start):
    connection, transport = Connection(Host(echo)), Transport()
    connection.connection_made(transport)
    connection.data_received(start)
    expired(connection)
    assert bodies(bytes(transport.out))[0][0] == 408
    assert transport.ended
    expired(connection)  # it does not close its side either
    assert transport.aborted


def test_an_idle_connection_is_closed_without_a_word():
    connection, transport = Connection(Host(echo)), Transport()
    connection.connection_made(transport)
    connection.data_received(GET)
    sent = len(transport.out)
    expired(connection)
    assert transport.ended
    assert len(transport.out) == sent


def test_a_client_that_does_not_read_is_cut_off():
    connection, transport = Connection(Host(echo)), Transport()
    connection.connection_made(transport)
    connection.data_received(GET)
    connection.pause_writing()
    assert not transport.reading
    expired(connection)
    assert transport.aborted


def test_reading_stops_while_too_many_answers_are_owed():
    waiting: list[Pending[Response]] = []

    def later(request: Request) -> Pending[Response]:
        waiting.append(Pending())
        return waiting[-1]

    connection, transport = Connection(Host(later, Limits(pipeline=3))), Transport()
    connection.connection_made(transport)
    connection.data_received(GET * 5)
    assert not transport.reading
    for pending in waiting:
        pending.resolve(Response(b"x"))
    assert transport.reading


def test_requests_of_one_read_cannot_pile_up_answers_that_are_not_read():
    class Blocked(Transport):
        def write(self, data: bytes) -> None:
            super().write(data)
            connection.pause_writing()  # as a transport does whose buffer is full

    connection, transport = Connection(Host(echo, Limits(pipeline=5))), Blocked()
    connection.connection_made(transport)
    connection.data_received(GET * 1000)
    assert transport.aborted
    assert len(bodies(bytes(transport.out))) == 6


def test_one_connection_too_many_is_told_so():
    host = Host(echo, Limits(connections=1))
    first, second = Transport(), Transport()
    Connection(host).connection_made(first)
    host.connection().connection_made(second)
    assert bodies(bytes(second.out))[0][0] == 503
    assert b"retry-after: 1" in second.out
    assert second.ended
    assert host.refused == 1


def test_a_lost_client_cancels_what_it_asked():
    gone: list[bool] = []
    connection = Connection(Host(lambda request: Pending(lambda: gone.append(True))))
    connection.connection_made(Transport())
    connection.data_received(GET + GET)
    connection.connection_lost(None)
    assert gone == [True, True]
    assert not connection.host.connections


def test_draining_makes_each_answer_the_last():
    connection, transport = Connection(Host(echo)), Transport()
    connection.connection_made(transport)
    connection.host.drain()
    connection.data_received(GET + GET)
    assert len(bodies(bytes(transport.out))) == 1
    assert b"connection: close" in transport.out
    assert transport.ended


def test_a_client_that_ends_its_side_still_gets_its_answer():
    waiting: Pending[Response] = Pending()
    connection, transport = Connection(Host(lambda request: waiting)), Transport()
    connection.connection_made(transport)
    connection.data_received(GET)
    assert connection.eof_received() is True
    waiting.resolve(Response(b"late"))
    assert bodies(bytes(transport.out)) == [(200, b"late")]
    assert transport.ended
