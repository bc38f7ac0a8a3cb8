"""Writing texts: which tokens may come, when a text ends, what is shown while it grows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from modelworks.contracts import op as ops
from modelworks.core.errors import RequestError
from modelworks.kinds import Message, Sampling
from modelworks.ops._chooser import Chooser, likeliest, log_probability
from modelworks.ops._pieces import Growing, spelled
from modelworks.ops._scoring import score


def byte_tokenizer() -> Tokenizer:
    """Number 0 ends a text; then a number for each byte."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({"<|end|>": 0, **{letter: n for n, letter in enumerate(letters, 1)}}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|end|>"])
    return tokenizer


TOKENIZER = byte_tokenizer()


class Says:
    """A decoder that finds a given text likely, whatever it read; or, without one, noise."""

    vocabulary, context = 257, 32

    def __init__(self, text: str | None = None, slots: int = 3) -> None:
        said = TOKENIZER.encode(text).ids if text is not None else None
        self.said = said
        self.slots, self.open_now, self.read = slots, 0, 0

    def open(self, wait: bool = True):
        assert self.open_now < self.slots or not wait
        if self.open_now == self.slots:
            return None
        self.open_now += 1
        return []

    def logits(self, handle, prompt: int):
        if self.said is None:
            return np.random.default_rng([*handle[-3:]]).normal(size=257).astype("f4") * 3
        place = len(handle) - prompt
        token = self.said[place] if place < len(self.said) else 0
        return np.eye(257, dtype="f4")[token] * 30

    def step(self, feeds):
        return [self.scores(handle, tokens)[-1] for handle, tokens in feeds]

    def scores(self, handle, tokens):
        if not handle:
            self.prompt = len(tokens)
        rows = []
        for token in tokens.tolist():
            handle.append(token)
            self.read += 1
            rows.append(self.logits(handle, self.prompt))
        assert len(handle) <= self.context
        return np.stack(rows)

    def reset(self, handle) -> None:
        handle.clear()

    def close(self, handle) -> None:
        self.open_now -= 1


class Tools:
    def __init__(self, decoder) -> None:
        self._decoder = decoder

    def decoder(self, graph, cache=None):
        return self._decoder

    def resource(self, name):
        return TOKENIZER


def write(decoder, texts, *samplings, first=()):
    """(pieces, columns) of the op."""
    encoded = [TOKENIZER.encode(text) for text in texts]
    pieces = ops.find("sampling.generate.v1").run(
        Tools(decoder), texts, [np.array(e.ids, np.int64) for e in encoded],
        [np.array(e.offsets, np.int32).reshape(-1, 2) for e in encoded], samplings, first=first, ends=[0],
    )  # fmt: skip
    shown = []
    while True:
        try:
            shown.append(next(pieces))
        except StopIteration as end:
            return shown, end.value


def test_a_text_ends_where_the_model_ends_it():
    shown, (texts, reasons, usage, tokens, choices) = write(Says("héllo 😀"), ["a"], Sampling(temperature=0))
    assert texts == ["héllo 😀"]
    assert reasons == ["stop"]
    assert (usage[0].prompt_tokens, usage[0].completion_tokens) == (1, len("héllo 😀".encode()) + 1)
    assert "".join(piece["text"] for _, piece in shown) == "héllo 😀"
    assert not any("\ufffd" in piece["text"] for _, piece in shown)
    assert tokens == choices == [[]]


@pytest.mark.parametrize(
    ("stop", "left"), [((" wor",), "hello"), (("xyz",), "hello world"), (("ld", "lo"), "hel"), (("h",), "")]
)
def test_a_stop_string_cuts_and_is_never_shown(stop, left):
    sampling = Sampling(temperature=0, stop=stop, logprobs=0)
    shown, (texts, reasons, _, tokens, _) = write(Says("hello world"), ["a"], sampling)
    assert texts == [left]
    assert reasons == ["stop"]
    assert "".join(piece["text"] for _, piece in shown) == left
    assert "".join(token.text for token in tokens[0]) == left


def test_the_length_is_kept_and_prompts_share_the_decoder():
    decoder = Says("abcdefgh", slots=2)
    samplings = [Sampling(max_tokens=n, temperature=0, n=2) for n in (0, 1, 5)]
    _, (texts, reasons, usage, _, choices) = write(decoder, ["q", "r", "s"], *samplings)
    assert texts == ["", "a", "abcde"]
    assert reasons == ["length"] * 3
    assert [one.completion_tokens for one in usage] == [0, 2, 10]
    assert [len(some) for some in choices] == [2, 2, 2]
    assert decoder.open_now == 0


def test_closing_the_iterator_stops_the_work():
    decoder = Says()
    encoded = TOKENIZER.encode("abc")
    pieces = ops.find("sampling.generate.v1").run(
        Tools(decoder), ["abc"], [np.array(encoded.ids)], [np.array(encoded.offsets)], [Sampling(max_tokens=25)],
    )  # fmt: skip
    next(pieces)
    pieces.close()
    assert decoder.open_now == 0
    assert decoder.read < 10


def test_the_same_seed_writes_the_same_and_another_another():
    def text(seed):
        return write(Says(), ["abc"], Sampling(max_tokens=12, seed=seed))[1][0]

    assert text(1) == text(1)
    assert len({text(seed)[0] for seed in range(5)}) > 1


def test_a_prompt_beyond_the_context_is_cut_and_writing_goes_on():
    _, (texts, _, usage, _, _) = write(Says(), ["x" * 100], Sampling(max_tokens=60))
    assert usage[0].completion_tokens <= 60
    assert texts[0]


@pytest.mark.parametrize("length", [1, 20, 31, 32, 33, 100])
@pytest.mark.parametrize("first", [(), (0,)])
def test_every_token_of_a_prompt_is_scored_once(length, first):
    text = "".join(chr(97 + n % 26) for n in range(length))
    sampling = Sampling(max_tokens=0, echo=True, logprobs=1)
    shown, (texts, _, _, tokens, _) = write(Says(), [text], sampling, first=first)
    assert texts == [text]
    assert [token.text for token in tokens[0]] == list(text)
    assert [token.logprob is None for token in tokens[0]] == [not first] + [False] * (length - 1)
    assert "".join(piece["text"] for _, piece in shown) == text


def test_a_prompt_without_a_token_is_echoed_and_gone_on_with():
    """As a tokenizer leaves white space alone."""
    pieces = ops.find("sampling.generate.v1").run(
        Tools(Says("ab")), [" "], [np.empty(0, np.int64)], [np.empty((0, 2), np.int32)],
        [Sampling(temperature=0, echo=True, logprobs=0)], first=(0,), ends=[0],
    )  # fmt: skip
    assert "".join(piece["text"] for _, piece in pieces) == " ab"


def test_scores_are_those_of_one_pass():
    decoder = Says()
    ids = np.arange(5, 25)
    found = score(decoder, decoder.open(), np.array([0]), ids, 0)
    handle = decoder.open()
    rows = decoder.scores(handle, np.concatenate([[0], ids[:-1]]))
    wanted = [log_probability(row, int(token)) for row, token in zip(rows, ids, strict=True)]
    assert found.logprobs == pytest.approx(wanted, abs=1e-5)


def draws(sampling, logits, count=400):
    chooser = Chooser(sampling, (), 0)
    return [chooser(logits) for _ in range(count)]


def test_filters_leave_what_they_say():
    logits = np.log(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625], "f4"))
    assert set(draws(Sampling(), logits)) == {0, 1, 2, 3, 4}
    assert set(draws(Sampling(temperature=0), logits)) == {0}
    assert set(draws(Sampling(top_k=2), logits)) == {0, 1}
    assert set(draws(Sampling(top_p=0.6), logits)) == {0, 1}
    assert set(draws(Sampling(min_p=0.2), logits)) == {0, 1, 2}
    shares = np.bincount(draws(Sampling(), logits, 4000), minlength=5) / 4000
    assert shares == pytest.approx(np.exp(logits), abs=0.03)


def test_a_repetition_penalty_makes_what_was_read_less_likely():
    logits = np.array([2.0, 1.9, -1.0], "f4")
    chooser = Chooser(Sampling(temperature=0, repetition_penalty=1.5), (0,), 0)
    assert [chooser(logits) for _ in range(2)] == [1, 0]


def test_the_likeliest_come_first_with_their_logarithms():
    logits = np.array([0.0, 3.0, 1.0], "f4")
    best = likeliest(logits, 2)
    assert [token for token, _ in best] == [1, 2]
    assert best[0][1] == pytest.approx(log_probability(logits, 1))


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=20))
def test_bytes_grow_into_the_text_whatever_it_is(text):
    words = spelled(TOKENIZER)
    growing = Growing()
    for token in TOKENIZER.encode(text).ids:
        start, end = growing.push(words[token])
        assert 0 <= start <= end
    growing.finish()
    assert growing.text == text


@pytest.mark.parametrize("seed", range(3))
def test_a_schema_is_obeyed(seed):
    pytest.importorskip("llguidance")
    schema = {
        "type": "object", "properties": {"name": {"type": "string", "maxLength": 5}, "n": {"type": "integer"}},
        "required": ["name", "n"], "additionalProperties": False,
    }  # fmt: skip
    decoder = Says()
    decoder.context = 400
    _, (texts, reasons, _, _, _) = write(decoder, ["a"], Sampling(max_tokens=300, json_schema=schema, seed=seed))
    if reasons == ["stop"]:
        value = json.loads(texts[0])
        assert set(value) == {"name", "n"}
        assert isinstance(value["n"], int)
    else:
        assert texts[0].startswith("{")


def test_a_grammar_is_obeyed_and_a_wrong_one_refused():
    pytest.importorskip("llguidance")
    _, (texts, reasons, _, _, _) = write(Says(), ["a"], Sampling(grammar='start: "yes" | "no"'))
    assert texts[0] in ("yes", "no")
    assert reasons == ["stop"]
    with pytest.raises(RequestError) as caught:
        write(Says(), ["a"], Sampling(grammar="start: ((("))
    assert caught.value.status == 422


def rendered(template, *messages):
    tools = type("T", (), {"resource": lambda self, name: {"template": template, "bos_token": "<s>"}})()
    return ops.find("sampling.prompt.v1").run(tools, [""], [messages], template="template")[0]


def test_templates_are_data_in_a_sandbox():
    loop = "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}{% endfor %}"
    assert rendered(loop, Message("user", "{{ 1 + 1 }}")) == "<s>[user] {{ 1 + 1 }}"
    hostile = ("{{ ''.__class__.__mro__ }}", "{{ messages.append(1) }}", "{{ raise_exception('no') }}",
               "{% for i in range(10**9) %}x{% endfor %}")  # fmt: skip
    for source in hostile:
        with pytest.raises(RequestError):
            rendered(source, Message("user", "hi"))


def test_messages_without_a_template_are_refused():
    with pytest.raises(RequestError) as caught:
        ops.find("sampling.prompt.v1").run(None, [""], [(Message("user", "hi"),)])
    assert "chat template" in caught.value.message
