"""Text operations: limits, words, subwords, shapes, n-grams."""

from __future__ import annotations

import sys
import tracemalloc
import unicodedata
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from modelworks.contracts import op as ops
from modelworks.core.errors import RequestError
from modelworks.ops import _grams, _words
from modelworks.ops.text import ngram_hashes, normal_word, split_words, word_of_units, word_shape

ODD = "aBz09 _.,:'’@#/ð😀👩\u200d🚀🏽\u0301\ufe0f🇩🇪नमि\u093fשלֹ\u200c中ﬁß\u00a0\u2028\n\tİ"
TEXT = st.one_of(st.text(max_size=60), st.text(alphabet=ODD, max_size=60))
PIECES = st.sampled_from([*map(chr, range(128)), "http://", "https:/", "www.", "ww", "ht", "don't", "3.1", "a:1,0"])


class Tools:
    def __init__(self, **resources):
        self.resources = resources

    def resource(self, name):
        return self.resources[name]


def run(name, *inputs, tools=None, **params):
    return ops.find(name).run(tools or Tools(), *inputs, **params)


def words(text):
    return [text[a:b] for a, b in split_words(text).tolist()]


# limits


def test_a_million_characters_are_refused_with_what_was_seen():
    with pytest.raises(RequestError, match="too long") as caught:
        run("text.limit.v1", ["short", "x" * 1_000_000], max_characters=100_000)
    assert caught.value.status == 413
    assert "1000000" in str(caught.value)
    assert "100000" in str(caught.value)


def test_the_longest_allowed_text_passes_as_it_is():
    text = "😀" * 10
    assert run("text.limit.v1", [text], max_characters=10) == [text]


def test_half_a_surrogate_pair_is_refused_with_its_place():
    with pytest.raises(RequestError, match="surrogate") as caught:
        run("text.limit.v1", ["ab\ud83d"])
    assert caught.value.status == 422
    assert "text[2]" in str(caught.value)
    assert "U+D83D" in str(caught.value)


# words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's 10:30, don't go.", ["It", "'s", "10:30", ",", "don", "'t", "go", "."]),
        ("'quoted' o’clock", ["'", "quoted", "'", "o", "’clock"]),
        ("@anna_b #tag https://t.co/x?y=1. www.a.de!", ["@anna_b", "#tag", "https://t.co/x?y=1", ".", "www.a.de", "!"]),
        ("3.14 1,000 4th 1.2.3 5.", ["3.14", "1,000", "4th", "1.2.3", "5", "."]),
        ("snake_case C++ a@b", ["snake_case", "C", "+", "+", "a", "@b"]),
        ("नमस्ते दुनिया שָׁלוֹם", ["नमस्ते", "दुनिया", "שָׁלוֹם"]),
        ("e\u0301a ok", ["e\u0301a", "ok"]),
        ("a👩🏽‍🚀b ❤️!", ["a", "👩🏽‍🚀", "b", "❤️", "!"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("", []),
        (" \n\t\u00a0", []),
        ("a\x00b\x07", ["a", "b"]),
    ],
)  # fmt: skip
def test_words_by_the_documented_rule(text, expected):
    assert words(text) == expected


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_words_are_in_order_and_leave_out_only_blanks_and_controls(text):
    units = split_words(text)
    assert units.dtype == np.int32
    assert units.shape == (len(units), 2)
    edges = [0, *units.ravel().tolist(), len(text)]
    assert edges == sorted(edges)
    assert all(a < b for a, b in units.tolist())
    kept = {n for a, b in units.tolist() for n in range(a, b)}
    assert all(_blank(c) for n, c in enumerate(text) if n not in kept)


def _blank(char):
    return char.isspace() or unicodedata.category(char) == "Cc"


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_the_fast_pattern_for_ascii_says_the_same(text):
    assert _words._pattern(text) is _words._ASCII
    spans = [[m.span() for m in pattern.finditer(text)] for pattern in (_words._unicode(), _words._ASCII)]
    assert spans[0] == spans[1]


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_words_spelled_are_those_at_the_offsets(text):
    assert _words.spell_words(text) == words(text)


@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_splitting_a_word_again_gives_the_word(text):
    for word in words(text):
        if not word.startswith(("'", "’")):  # an apostrophe belongs to what follows only behind a word
            assert words(word)[0][:1] == word[:1]
            assert "".join(words(word)) == word


@pytest.mark.parametrize("text", ["1." * 50_000, "www." * 25_000 + "!", "http://" + "." * 100_000, "a'" * 50_000,
                                  "@" * 100_000, "\u200d😀" * 50_000, "e\u0301" * 50_000])  # fmt: skip
def test_no_text_makes_the_pattern_slow(text):
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        found = split_words(text)
    finally:
        sys.setprofile(None)
    assert len(found) <= len(text)
    assert calls < 5 * len(text)  # linear; quadratic backtracking would not come back at all


def test_a_units_word_is_the_one_it_ends_in():
    spans = split_words("see Kuala Lumpur.")
    units = np.array([[0, 3], [3, 9], [9, 12], [12, 16], [16, 17], [17, 17], [3, 4]], dtype=np.int32)
    assert word_of_units(spans, units).tolist() == [0, 1, 2, 2, 3, -1, -1]
    assert word_of_units(split_words(""), units[:2]).tolist() == [-1, -1]


# shapes


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("film", "lower"), ("Film", "title"), ("FILM", "upper"), ("F", "letter"), ("iPhone", "mixed"), ("370", "digit"),
        ("B2B", "alphanumeric"), ("@anna", "mention"), ("#tag", "hashtag"), ("https://a.b/c", "address"),
        ("!", "punctuation"), ("😀", "other"), ("中", "other"), ("@", "punctuation"), ("Élan", "title"),
        ("'s", "lower"),
    ],
)  # fmt: skip
def test_shapes(word, shape):
    assert _words.SHAPES[word_shape(word)] == shape


def test_shape_of_subword_units_is_that_of_their_word():
    text = "in London NOW"
    units = np.array([[0, 2], [3, 6], [6, 9], [10, 13]], dtype=np.int32)
    found = run("text.shape.v1", [text], [units])[0]
    assert found.dtype == np.int64
    assert [_words.SHAPES[n] for n in found[:, 0]] == ["lower", "title", "title", "upper"]
    assert found[:, 1].tolist() == [4, 4, 4, 4]  # two of three words: more than 60 % begin with a capital


def test_capitals_of_a_text():
    shares = {
        "all small words here": 1,
        "One in ten is not a great part of it": 2,
        "Two Of five are so": 3,
        "ALL OF IT": 4,
        "1 2 !": 0,
    }
    for text, expected in shares.items():
        assert _words.capitals(words(text)) == expected, text


# subwords


def wordpiece() -> Tokenizer:
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cafe", "lon", "##don", "##s", "!", "ss", "'", "a"]
    tokenizer = Tokenizer(models.WordPiece({word: n for n, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE({c: n for n, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def test_offsets_point_into_the_raw_text_behind_lower_casing_and_stripped_accents():
    text = "CAFÉ  Cafe\u0301 LONDONS!"
    ids, units = run("text.subwords.v1", [text], tools=Tools(tokenizer=wordpiece()))
    assert ids[0].tolist() == [4, 4, 5, 6, 7, 8]
    assert [text[a:b] for a, b in units[0].tolist()][:2] == ["CAFÉ", "Cafe\u0301"[: units[0][1, 1] - units[0][1, 0]]]
    assert [text[a:b] for a, b in units[0].tolist()][2:] == ["LON", "DON", "S", "!"]


@pytest.mark.parametrize("make", [wordpiece, byte_level])
@settings(max_examples=150, deadline=None)
@given(text=TEXT)
def test_units_lie_inside_the_raw_text_in_order(make, text):
    text = text.encode("utf-8", "replace").decode()
    ids, units = run("text.subwords.v1", [text], tools=Tools(tokenizer=make()))
    assert len(ids[0]) == len(units[0])
    assert (units[0] >= 0).all()
    assert (units[0] <= len(text)).all()
    assert (np.diff(units[0][:, 0]) >= 0).all()
    assert (units[0][:, 0] <= units[0][:, 1]).all()


def test_the_files_padding_and_truncation_are_not_followed():
    tokenizer = wordpiece()
    tokenizer.enable_padding(length=20)
    tokenizer.enable_truncation(3)
    tools = Tools(tokenizer=tokenizer)
    assert run("text.tokenize.v1", ["cafe londons !"], tools=tools)[0].tolist() == [2, 4, 5, 6, 7, 8, 3]
    assert run("text.subwords.v1", ["cafe londons !"], tools=tools)[0][0].tolist() == [4, 5, 6, 7, 8]


def test_too_many_subwords_are_cut_and_the_end_mark_stays():
    tools = Tools(tokenizer=wordpiece())
    assert run("text.tokenize.v1", ["cafe londons !"], tools=tools, max_length=4)[0].tolist() == [2, 4, 5, 3]
    assert run("text.tokenize.v1", ["cafe"], tools=tools, max_length=4)[0].tolist() == [2, 4, 3]
    assert run("text.tokenize.v1", ["cafe"], tools=tools)[0].dtype == np.int64


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="cafe londons!", max_size=40), st.integers(3, 12))
def test_cutting_is_what_the_tokenizer_itself_does(text, length):
    reference = wordpiece()
    reference.enable_truncation(length)
    cut = run("text.tokenize.v1", [text], tools=Tools(tokenizer=wordpiece()), max_length=length)[0]
    assert cut.tolist() == reference.encode(text).ids


# n-grams


def test_the_hashes_are_pinned_for_ever():
    found = ngram_hashes("Ab c", (1, 2), (3, 3))
    expected = ["w:ab", "w:c", "w:ab c", "c: ab", "c:ab ", "c: c "]
    assert found.tolist() == sorted(zlib.crc32(gram.encode()) for gram in expected)
    assert found.dtype == np.uint32


def test_denied_words_are_other_words_up_to_the_next_sign():
    plain, denied = (ngram_hashes("Don't like it, like this", (1, 2), (1, 0), some, 3) for some in ((), ("'t",)))
    expected = ["w:don", "w:'t", "w:¬like", "w:¬it", "w:,", "w:like", "w:this", "w:don 't", "w:'t ¬like",
                "w:¬like ¬it", "w:¬it ,", "w:, like", "w:like this"]  # fmt: skip
    assert denied.tolist() == sorted(zlib.crc32(gram.encode()) for gram in expected)
    assert plain.tolist() != denied.tolist()
    far = ngram_hashes("not a b c", (1, 1), (1, 0), ("not",), 2)
    assert far.tolist() == sorted(zlib.crc32(gram.encode()) for gram in ("w:not", "w:¬a", "w:¬b", "w:c"))
    inside = ngram_hashes("not good", (1, 0), (2, 5), ("not",), 3)
    assert inside.tolist() == ngram_hashes("not good", (1, 0), (2, 5)).tolist()


def found_hashes(text, known, **ranges):
    """Hashes of the words and of the characters that text.ngrams.v1 finds."""
    tools = Tools(words=known[0], characters=known[1])
    row = run("text.ngrams.v1", [text], tools=tools, **ranges)[0]
    assert row.dtype == np.int32
    assert row.tolist() == sorted(set(row.tolist()))
    split = len(known[0])
    return [known[0][row[row < split]].tolist(), known[1][row[row >= split] - split].tolist()]


@settings(max_examples=100, deadline=None)
@given(
    TEXT, st.sampled_from([((1, 2), (2, 5)), ((1, 1), (1, 0)), ((1, 0), (3, 4)), ((2, 3), (1, 0))]),
    st.sampled_from([(), ("a", "not", "¬")]),
)  # fmt: skip
def test_known_ngrams_are_the_positions_of_the_hashes(text, ranges, negations):
    text = text.encode("utf-8", "replace").decode()
    hashes = ngram_hashes(text, ranges[0], (1, 0), negations), ngram_hashes(text, (1, 0), ranges[1])
    known = [np.unique(np.concatenate([some[::2], np.array([5, 77], dtype=np.uint32)])) for some in hashes]
    expected = [[h for h in some.tolist() if h in set(k.tolist())] for some, k in zip(hashes, known, strict=True)]
    for _ in range(2):  # the second time from memory
        ways = {"words": ranges[0], "characters": ranges[1], "negations": negations}
        assert found_hashes(text, known, **ways) == expected
    assert found_hashes(text, [k[:0] for k in known]) == [[], []]


def test_a_very_long_word_is_cut_after_lowering_too():
    text = "\u0130" * 200 + " b"  # lower-cased it has twice as many characters
    known = ngram_hashes(text, (1, 2), (1, 0)), ngram_hashes(text, (1, 0), (2, 5))
    assert found_hashes(text, known) == [k.tolist() for k in known]
    assert max(map(len, _grams._spelled(text))) == _words.LONGEST


def test_words_remembered_for_one_vocabulary_are_not_used_for_another():
    texts = "one film", "a film again and again"
    first, second = ([ngram_hashes(t, (1, 2), (1, 0)), ngram_hashes(t, (1, 0), (2, 5))] for t in texts)
    film = set(ngram_hashes("film").tolist())
    for known in (first, second, [first[0], second[1]], [first[0].copy(), first[1]]):
        assert [set(found) for found in found_hashes("film", known)] == [film & set(k.tolist()) for k in known]
    remembered = len(_grams._remembered)
    del known, first, second
    assert len(_grams._remembered) < remembered  # forgotten with the arrays


def test_normal_words():
    text = "Flight 370 @anna www.a.de @ É"
    assert [normal_word(word) for word in words(text)] == ["flight", "000", "<user>", "<url>", "@", "é"]


def test_lookup_and_grams():
    tools = Tools(vocabulary={"flight": 2, "000": 3})
    assert run("text.lookup.v1", [["Flight", "370", "x"], []], tools=tools)[0].tolist() == [2, 3, 1]
    first, none = run("text.grams.v1", [["a1", "@anna", "abcdefghij"], []], buckets=1000, most=6)
    assert none.shape == (0, 6)
    expected = [zlib.crc32(g.encode()) % 1000 + 1 for g in ("^a", "a0", "0$", "^a0", "a0$", "^a0$")]
    assert first[0].tolist() == expected
    whole = run("text.grams.v1", [["abcdefghij"]], buckets=1000, most=99)[0][0]
    whole = whole[whole > 0].tolist()
    assert first[2].tolist() == whole[:3] + whole[-3:]


def test_what_is_remembered_of_words_stays_small():
    tools = Tools(words=ngram_hashes("some film or other"), characters=ngram_hashes("some film or other"))
    words = [f"word{n:x}s" for n in range(1000)]
    tracemalloc.start()
    run("text.ngrams.v1", words, tools=tools)
    run("text.grams.v1", [words], buckets=100)
    run("text.shape.v1", words, [split_words(word) for word in words])
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept / len(words) * _grams.CACHED < 30_000_000  # when all three have forgotten nothing yet
    for remembered in (_grams.word_grams, _words.word_shape):
        assert remembered.cache_info().maxsize <= _grams.CACHED


def test_threads_may_share_what_is_remembered(monkeypatch):
    monkeypatch.setattr(_grams, "CACHED", 3)  # forgets all the time
    text = "one film after the other and never the same again"
    known = [ngram_hashes(text, (1, 2), (1, 0)), ngram_hashes(text, (1, 0), (2, 5))]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: found_hashes(text, known), range(400)))
    assert all(row == [k.tolist() for k in known] for row in found)
