"""The server's log as JSON lines of the Elastic Common Schema."""

from __future__ import annotations

import json
import logging
import queue

from modelworks.serve import logs
from modelworks.serve.message import Request, Response


def lines(text: str) -> list[dict]:
    return [json.loads(row) for row in text.splitlines()]


def test_text_leaves_logging_as_it_is(capfd):
    with logs.written("text", "moods") as access:
        assert access is None
    assert capfd.readouterr().err == ""


def test_a_request_and_an_error_are_a_line_each(capfd):
    request = Request("POST", '/predict"\n{', body=b"123")
    request.id = "r-1"
    with logs.written("ecs", "moods") as access:
        access(request, Response(status=200), 0.25)
        access(request, Response(status=503), 0.25)
        try:
            raise ValueError("so")
        except ValueError as error:
            logging.getLogger("modelworks.serve").error("a request failed", exc_info=error)
    ok, failed, error = lines(capfd.readouterr().err)
    assert ok["service"]["name"] == "moods"
    assert ok["http"] == {
        "request": {"id": "r-1", "method": "POST", "body": {"bytes": 3}},
        "response": {"status_code": 200},
    }
    assert ok["url"]["path"] == '/predict"\n{'
    assert ok["event"]["duration"] == 250_000_000
    assert (ok["log.level"], failed["log.level"]) == ("info", "error")
    assert (ok["event"]["outcome"], failed["event"]["outcome"]) == ("success", "failure")
    assert error["error"]["type"] == "ValueError"
    assert 'raise ValueError("so")' in error["error"]["stack_trace"]


def test_nothing_is_written_after_the_block(capfd):
    with logs.written("ecs", "moods"):
        pass
    logging.getLogger("modelworks.access").info("late")
    assert capfd.readouterr().err == ""


def test_a_reader_that_stands_still_costs_lines_and_says_how_many():
    waiting: queue.Queue[logging.LogRecord] = queue.Queue(2)
    handler = logs._Handler(waiting)
    for number in range(5):
        handler.handle(logging.LogRecord("modelworks", logging.INFO, "", 0, "%d", (number,), None))
    waiting.get()
    handler.handle(logging.LogRecord("modelworks", logging.INFO, "", 0, "last", (), None))
    waiting.get()
    assert waiting.get().__dict__["modelworks"] == {"log": {"dropped": 3}}
