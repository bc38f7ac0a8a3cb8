"""Beam search against exhaustive search, over a decoder whose answer depends on all that it should remember."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from modelworks.contracts import op as ops

PAD, UNKNOWN, START, END = range(4)
VOCABULARY = {"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3, "▁": 4, "▁a": 5, "▁b": 6, "b": 7, "a": 8}
BEAM, READ = ops.find("generate.beam.v1"), ops.find("generate.read.v1")


def tokenizer() -> Tokenizer:
    made = Tokenizer(models.BPE(VOCABULARY, [("▁", "a"), ("▁", "b")], unk_token="<unk>", fuse_unk=True))
    made.add_special_tokens(["<pad>", "<unk>", "<s>", "</s>"])
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", END)])
    return made


def logprobs(source: int, history: tuple[int, ...], sharp: float = 2.0) -> np.ndarray:
    """Of the next token, for a source and all tokens so far."""
    seed = hash((source, history)) % (2**32)
    scores = np.random.default_rng(seed).normal(0, sharp, len(VOCABULARY))
    return (scores - np.log(np.exp(scores).sum())).astype(np.float32)


class Tools:
    """An encoder that remembers the sum of the ids, and a decoder that remembers every token it read. It looks at
    the place in the source that the newest token has in the text, and less at what lies farther."""

    def __init__(self) -> None:
        self.calls = 0
        self.rows: list[int] = []

    def resource(self, name: str) -> Tokenizer:
        return tokenizer()

    def run(self, graph: str, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if graph == "encoder":
            assert feeds["input_ids"].shape[1] % 4 == 0
            return {"memory_0": (feeds["input_ids"] * feeds["attention_mask"]).sum(axis=1)[:, None].astype(np.float32)}
        self.calls += 1
        self.rows.append(len(feeds["tokens"]))
        rows, beams = feeds["tokens"].shape
        assert feeds["past_0"].shape[:2] == (rows * beams, 1)
        newest = feeds["tokens"].reshape(-1, 1, 1, 1).astype(np.float32)
        flat = np.concatenate([feeds["past_0"], newest], axis=2)
        past = flat.reshape(rows, beams, 1, -1, 1)
        said = np.stack(
            [
                [logprobs(int(feeds["memory_0"][b, 0]), tuple(past[b, k, 0, :, 0].astype(int))) for k in range(beams)]
                for b in range(rows)
            ]
        )
        far = np.abs(np.arange(feeds["attention_mask"].shape[1]) - past.shape[3] + 1)
        attention = np.broadcast_to(np.exp(-far).astype(np.float32), (rows, beams, len(far)))
        return {"logprobs": said, "present_0": flat, "attention": attention}


def run(texts: list[str], tools: Tools | None = None, **params):
    tools = tools or Tools()
    ids, units = READ.run(tools, texts)
    given = {"start": START, "end": END, "past": [[1, 1]], "banned": [PAD, START], "unknown": UNKNOWN, **params}
    return BEAM.run(tools, ids, units, texts, **given)


def source(text: str) -> int:
    ids, _ = READ.run(Tools(), [text])
    return int(ids[0].sum())


def total(text: str, tokens: tuple[int, ...]) -> float:
    history, made = (START,), 0.0
    for token in tokens:
        made += float(logprobs(source(text), history)[token])
        history += (token,)
    return made


def written(tokens: tuple[int, ...]) -> str:
    words = {number: word for word, number in VOCABULARY.items()}
    return str(tokenizer().decoder.decode([words[token] for token in tokens if token != END]))


def exhaustive(text: str, most: int, penalty: float) -> tuple[float, str]:
    """The best of all texts of at most `most` tokens, the end included; the longest need no end."""
    letters = (4, 5, 6, 7, 8)
    whole = [(*some, END) for n in range(most) for some in itertools.product(letters, repeat=n)]
    whole += list(itertools.product(letters, repeat=most))
    ranked = [(total(text, tokens) / len(tokens) ** penalty, written(tokens)) for tokens in whole]
    return max(ranked)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("text", ["a b", "b", "a a b b"])
def test_many_beams_find_the_best_of_all_texts(text, penalty):
    value, best = exhaustive(text, 3, penalty)
    texts, _, _, _ = run([text], beams=100, most=3, penalty=penalty)
    assert texts == [best]
    assert value <= 0


def test_one_beam_follows_the_likeliest_token():
    history, expected = (START,), []
    for _ in range(12):
        scores = logprobs(source("a b"), history)
        scores[[PAD, START, UNKNOWN]] = -np.inf
        history += (int(scores.argmax()),)
        if history[-1] == END:
            break
        expected.append(history[-1])
    assert run(["a b"], beams=1, most=12)[0] == [written(tuple(expected))]


def test_candidates_come_best_first_with_the_mean_probability_of_their_tokens():
    _, candidates, _, scores = run(["a b"], beams=4, candidates=3, most=6)
    assert len(candidates[0]) == 3
    assert len({one["text"] for one in candidates[0]}) > 1
    told = [one["score"] for one in candidates[0]]
    assert told == sorted(told, reverse=True)
    assert all(0 < score <= 1 for score in told)
    assert np.allclose(scores[0], told, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text("ab \u4e2d😀", max_size=12), min_size=1, max_size=5), beams=st.integers(1, 4))
def test_a_row_is_written_the_same_in_any_company(texts, beams):
    together = run(texts, beams=beams, most=9)
    for number, text in enumerate(texts):
        alone = run([text], beams=beams, most=9)
        assert alone[0][0] == together[0][number]
        assert alone[1][0] == together[1][number]
        assert alone[2][0] == together[2][number]
        assert np.array_equal(alone[3][0], together[3][number])


def test_rows_that_are_done_are_left_out_of_the_decoder():
    tools = Tools()
    run(["a", "b", "a b", "b a b a b a b"], tools, beams=2, most=20)
    assert tools.rows[0] == 4
    assert tools.rows == sorted(tools.rows, reverse=True)
    assert tools.rows[-1] < 4


@pytest.mark.parametrize("beams", [1, 3])
def test_length_limits_hold(beams):
    short = run(["a b a b"], beams=beams, most=2)[0][0]
    assert len(tokenizer().encode(short).ids) - 1 <= 2
    tools = Tools()
    run(["a"], tools, beams=beams, most=100, ratio=0.5, least=11)
    assert tools.calls == 11  # half of two tokens, and ten more
    long = run(["a"], beams=beams, most=9, least=8)[0][0]
    assert long
    assert "<" not in long


class Echo(Tools):
    """Says `▁` and an unknown word, or ends."""

    def run(self, graph, feeds):
        answer = super().run(graph, feeds)
        if graph == "decoder":
            wanted = [4, UNKNOWN, 4, UNKNOWN, END][min(feeds["past_0"].shape[2], 4)]
            answer["logprobs"][:] = -5.0
            answer["logprobs"][:, :, wanted] = -0.1
            answer["logprobs"][:, :, 7] = -1.0
        return answer


def test_what_the_vocabulary_lacks_is_copied_from_where_the_decoder_looked():
    texts, _, alignments, _ = run(["李明 a Zoë"], Echo(), beams=1, most=8)
    assert texts == ["李明 Zoë"]
    spans = [(one["start"], one["end"], one["source_start"], one["source_end"]) for one in alignments[0]]
    assert (0, 2, 0, 2) in spans
    assert (3, 6, 5, 8) in spans


def test_nothing_unknown_is_written_where_nothing_unknown_was_read():
    texts, _, _, _ = run(["a b"], Echo(), beams=1, most=5)
    assert "<unk>" not in texts[0]
    assert texts[0].strip("b ") == ""


def test_reading_keeps_the_ends_of_what_it_cuts_and_trims_units():
    ids, units = READ.run(Tools(), ["a  b 李 b", ""], most=4)
    assert ids[0].tolist()[-1] == END
    assert len(ids[0]) == len(units[0]) == 4
    assert all(not "a  b 李 b"[start:end].isspace() for start, end in units[0].tolist())
    assert units[0].tolist()[-1] == [0, 0]
    assert ids[1].tolist()[-1] == END
