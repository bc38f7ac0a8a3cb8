"""The OpenAI protocol, asked by the official client; streams, how they end, and what they leave in the metrics."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "learn"))

import learn_fixtures
import streaming
from tiny_bundles import make_text_bundle
from tokenizers import Tokenizer

from modelworks.stages.learn import embedding, sources

openai = pytest.importorskip("openai")

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with streaming.vocabulary():
        bundle = streaming.make_writer(tmp_path_factory.mktemp("writer") / "bundle")
        with streaming.served(bundle) as (address, _):
            yield address


@pytest.fixture
def client(server: str):
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_models(client) -> None:
    assert [model.id for model in client.models.list()] == ["writer"]
    assert client.models.retrieve("writer").id == "writer"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


def test_a_completion(client) -> None:
    found = client.completions.create(model="writer", prompt="abc", max_tokens=10)
    assert found.object == "text_completion"
    assert (found.choices[0].text, found.choices[0].finish_reason) == ("w0 w1 w2 ", "stop")
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (1, 3, 4)


def test_several_prompts_and_the_protocol_s_default_length(client) -> None:
    found = client.completions.create(model="writer", prompt=["ab", "x" * 40])
    assert [choice.index for choice in found.choices] == [0, 1]
    assert found.choices[0].text == "w0 w1 "
    assert found.choices[1].finish_reason == "length"
    assert found.usage.completion_tokens == 2 + 16


def test_a_completion_in_pieces(client) -> None:
    options = {"include_usage": True}
    chunks = list(
        client.completions.create(model="writer", prompt="abc", max_tokens=10, stream=True, stream_options=options)
    )
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "w0 w1 w2 "
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens == 3
    assert len({chunk.id for chunk in chunks}) == 1


def test_log_probabilities(client) -> None:
    found = client.completions.create(model="writer", prompt="ab", logprobs=1, stream=True)
    tokens = [chunk.choices[0].logprobs for chunk in found if chunk.choices[0].logprobs]
    assert [one.tokens for one in tokens] == [["w0 "], ["w1 "]]
    assert tokens[1].text_offset == [3]
    chat = client.chat.completions.create(
        model="writer", messages=[{"role": "user", "content": "ab"}], logprobs=True, stream=True
    )
    contents = [chunk.choices[0].logprobs.content for chunk in chat if chunk.choices[0].logprobs]
    assert [one[0].token for one in contents] == ["w0 ", "w1 "]


def test_a_conversation(client) -> None:
    messages = [{"role": "system", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}]}]
    found = client.chat.completions.create(model="writer", messages=messages, max_completion_tokens=2)
    assert found.object == "chat.completion"
    assert found.choices[0].message.role == "assistant"
    assert (found.choices[0].message.content, found.choices[0].finish_reason) == ("w0 w1 ", "length")


def test_a_conversation_in_pieces(client) -> None:
    stream = client.chat.completions.create(
        model="writer", messages=[{"role": "user", "content": "abcd"}], max_tokens=10, stream=True
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "w0 w1 w2 w3 "
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"presence_penalty": 1.0}, "presence"),
        ({"temperature": -1}, None), ({"response_format": {"type": "yaml"}}, "response_format"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages"),
    ],
)  # fmt: skip
def test_what_no_model_has_is_refused(client, more: dict, param: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{"model": "writer", "messages": [{"role": "user", "content": "a"}]} | more)
    assert caught.value.type == "invalid_request_error"
    assert param is None or param in (caught.value.param or "")


def test_a_fault_on_the_way_is_an_error(client, server: str) -> None:
    with pytest.raises(openai.InternalServerError):
        client.completions.create(model="writer", prompt="break")
    with pytest.raises(openai.InternalServerError):
        list(client.completions.create(model="writer", prompt="break", stream=True))


def test_another_model_or_kind_is_not_found(client, tmp_path: Path) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model="gpt", prompt="a")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="answers other questions"):
        client.embeddings.create(model="writer", input="a")
    with streaming.served(make_text_bundle(tmp_path / "text")) as (address, _):
        other = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        with pytest.raises(openai.NotFoundError, match="answers other questions"):
            other.completions.create(model="tiny", prompt="a")
        other.close()


def test_embeddings(tmp_path: Path) -> None:
    with streaming.vocabulary():
        bundle = streaming.make_embedder(tmp_path / "bundle")
        with (
            streaming.served(bundle) as (address, _),
            openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client,
        ):
            found = client.embeddings.create(model="embedder", input=["a", "bcd"])
            assert [list(one.embedding) for one in found.data] == [[1.0, 0.25, -1.0], [3.0, 0.25, -1.0]]
            assert [one.index for one in found.data] == [0, 1]
            plain = client.embeddings.create(model="embedder", input="é中", encoding_format="float", dimensions=3)
            assert plain.data[0].embedding == [2.0, 0.25, -1.0]
            with pytest.raises(openai.BadRequestError, match="another size"):
                client.embeddings.create(model="embedder", input="a", dimensions=8)


def test_embeddings_count_the_subwords_that_the_bundle_reads(tmp_path: Path) -> None:
    texts = ["unbelievable films", "a", "word " * 400]
    embedding.embedding(
        sources.resolve(str(learn_fixtures.tiny_text_model(tmp_path / "model")), tmp_path), tmp_path / "b"
    )
    subwords = [
        len(encoded.ids) for encoded in Tokenizer.from_file(str(tmp_path / "model/tokenizer.json")).encode_batch(texts)
    ]
    with (
        streaming.served(tmp_path / "b") as (address, _),
        openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client,
    ):
        counted = [client.embeddings.create(model="embedding", input=text).usage.prompt_tokens for text in texts]
        assert counted[:2] == subwords[:2]
        assert 10 < counted[2] < subwords[2], "what was cut was not read"
        together = client.embeddings.create(model="embedding", input=texts).usage
        assert (together.prompt_tokens, together.total_tokens) == (sum(counted), sum(counted))


def waited(condition, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_closing_a_stream_stops_the_work(client, server: str) -> None:
    streaming.LOG.clear()
    stream = client.completions.create(model="writer", prompt="x" * 1000, max_tokens=1000, stream=True)
    next(iter(stream))
    stream.close()
    assert waited(lambda: "closed" in streaming.LOG)
    assert "whole" not in streaming.LOG
    assert len(streaming.LOG) < 200
    assert waited(lambda: _metric(server, "modelworks_streams") == 0)


def test_a_client_that_goes_before_its_whole_answer_stops_the_work(server: str) -> None:
    streaming.LOG.clear()
    body = json.dumps({"model": "writer", "prompt": "x" * 1000, "max_tokens": 1000}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(server.removeprefix("http://").split(":")) as sock:
        sock.sendall(head + body)
        assert waited(lambda: len(streaming.LOG) > 2)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert waited(lambda: "closed" in streaming.LOG)
    assert len(streaming.LOG) < 200


def test_several_streams_run_at_once(server: str) -> None:
    def ask(seconds: list[float]) -> None:
        start = time.monotonic()
        with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as one:
            text = "".join(
                chunk.choices[0].text
                for chunk in one.completions.create(model="writer", prompt="x" * 50, max_tokens=50, stream=True)
            )
        assert text == "".join(f"w{n} " for n in range(50))
        seconds.append(time.monotonic() - start)

    seconds: list[float] = []
    threads = [threading.Thread(target=ask, args=(seconds,)) for _ in range(6)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seconds) == 6
    assert time.monotonic() - start < 0.7 * sum(seconds)


def _metric(server: str, name: str) -> float:
    lines = httpx.get(f"{server}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def test_time_to_the_first_piece_and_speed_are_measured(client, server: str) -> None:
    before = _metric(server, "modelworks_first_piece_seconds_count")
    list(client.completions.create(model="writer", prompt="abc", stream=True))
    assert _metric(server, "modelworks_first_piece_seconds_count") == before + 1
    assert _metric(server, "modelworks_pieces_per_second_count") >= 1
    assert _metric(server, "modelworks_pieces_total") >= 3


def test_predict_in_pieces(server: str) -> None:
    body = {"text": "ab", "sampling": {"max_tokens": 10}}
    with httpx.stream("POST", f"{server}/predict", json=body, headers={"accept": "text/event-stream"}) as response:
        assert response.headers["content-type"] == "text/event-stream"
        text = response.read().decode()
    events = text.strip().split("\n\n")
    assert events[0] == 'data: {"index":0,"text":"w0 "}'
    name, data = events[-1].split("\n")
    assert name == "event: prediction"
    whole = httpx.post(f"{server}/predict", json=body)
    assert data.removeprefix("data: ") == whole.text


def test_predict_in_pieces_of_a_model_without_any(tmp_path: Path) -> None:
    with streaming.served(make_text_bundle(tmp_path / "text")) as (address, _):
        found = httpx.post(f"{address}/predict", json={"text": "fine"}, headers={"accept": "text/event-stream"})
        assert found.text.startswith("event: prediction\ndata: {")
        refused = httpx.post(
            f"{address}/predict", json={"inputs": [{"text": "a"}]}, headers={"accept": "text/event-stream"}
        )
        assert refused.status_code == 422
        plain = httpx.post(f"{address}/predict", content="fine", headers={"content-type": "text/plain"})
        assert plain.text == found.text.split("data: ")[1].strip()


def test_too_many_streams_are_refused(tmp_path: Path) -> None:
    with streaming.vocabulary():
        bundle = streaming.make_writer(tmp_path / "bundle")
        with streaming.served(bundle, streams=1) as (address, _):
            body = {"model": "writer", "prompt": "x" * 100, "max_tokens": 100, "stream": True}
            with httpx.stream("POST", f"{address}/v1/completions", json=body) as response:
                lines = response.iter_lines()
                next(lines)
                refused = httpx.post(f"{address}/v1/completions", json=body)
                assert refused.status_code == 429
                assert refused.headers["retry-after"]
                assert refused.json()["error"]["type"] == "rate_limit_error"


@pytest.fixture
def impatient(tmp_path: Path):
    """A server whose streams may be silent for a moment only."""
    streaming.SPEAK.clear()
    with streaming.vocabulary():
        bundle = streaming.make_writer(tmp_path / "bundle")
        with streaming.served(bundle, deadline=0.3) as (address, server):
            yield address, server
            streaming.SPEAK.set()


def test_a_stream_without_a_first_piece_is_refused_at_the_deadline(impatient) -> None:
    address, server = impatient
    for accept in ("text/event-stream", "application/json"):
        answer = httpx.post(f"{address}/predict", json={"text": "silent"}, headers={"accept": accept}, timeout=20)
        assert answer.status_code == 503
        assert "no first piece" in answer.json()["message"]
    assert server.app.models.current.streams.outstanding == 2, "threads that cannot be stopped are still counted"
    streaming.SPEAK.set()
    assert waited(lambda: server.app.models.current.streams.outstanding == 0)


def test_a_stream_that_falls_silent_ends_with_an_error(impatient) -> None:
    address, server = impatient
    answer = httpx.post(
        f"{address}/predict", json={"text": "stuck"}, headers={"accept": "text/event-stream"}, timeout=20
    )
    first, last = answer.text.strip().split("\n\n")
    assert json.loads(first.removeprefix("data: "))["text"] == "w0 "
    assert last.startswith("event: error")
    assert "no next piece" in last
    streaming.SPEAK.set()
    assert waited(lambda: server.app.models.current.streams.outstanding == 0)
    assert "whole" not in streaming.LOG


def test_a_stream_that_speaks_outlives_the_deadline(impatient) -> None:
    address, _ = impatient
    asked = {"text": "x" * 120, "sampling": {"max_tokens": 120}}
    began = time.monotonic()
    answer = httpx.post(f"{address}/predict", json=asked, headers={"accept": "text/event-stream"}, timeout=30)
    assert time.monotonic() - began > 0.3
    assert "event: prediction" in answer.text
    assert httpx.post(f"{address}/predict", json=asked, timeout=30).json()["text"].startswith("w0 w1")


def test_answers_on_one_connection_keep_their_order(server: str) -> None:
    """A stream, then a plain request behind it in the pipeline."""
    body = json.dumps({"model": "writer", "prompt": "abc", "stream": True}).encode()
    first = f"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    second = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with socket.create_connection(server.removeprefix("http://").split(":")) as sock:
        sock.sendall(first + second)
        data = b""
        while piece := sock.recv(65536):
            data += piece
    assert data.index(b"[DONE]") < data.index(b"0\r\n\r\nHTTP/1.1 200") < data.index(b'{"live":true}')


def test_http_1_0_gets_its_stream_without_chunks(server: str) -> None:
    body = json.dumps({"model": "writer", "prompt": "abc", "stream": True}).encode()
    with socket.create_connection(server.removeprefix("http://").split(":")) as sock:
        sock.sendall(f"POST /v1/completions HTTP/1.0\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        data = b""
        while piece := sock.recv(65536):
            data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert rest.startswith(b"data: {")
    assert rest.endswith(b"data: [DONE]\n\n")
