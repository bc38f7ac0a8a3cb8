"""Text of any language crashes nothing, and what an answer says of its input is in the input: offsets count code points
and slice the raw string. Over every committed starter, and (slow) over every task learnt from its own examples."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "learn"))

import tiny_tasks

from modelworks import kinds, starters
from modelworks.bundle import Predictor
from modelworks.contracts import task as tasks
from modelworks.core import registry
from modelworks.core.errors import ConfigError, RequestError
from modelworks.kinds import KINDS, Kind, Text, decode

STARTERS = sorted(Path(starters.__file__).parent.glob("*.zip"))
TASKS = [name for name in registry.names(tasks.PACKAGE) if tasks.find(name).learnt]
ODD = (
    "", " ", "\n\n\t", "\0", "\u2028\u2029", "\ufeffword", "…", "'", "«»", "a" * 300, "ﬁﬂ ﬃ", "İstanbul ıI",
    "Straße GROẞ",
    "e\u0301 e\u0301\u0302\u0303", "नमस्ते दुनिया", "สวัสดีชาวโลก", "你好，世界。今天天气很好！", "こんにちは世界",
    "안녕하세요 세계", "مرحبا بالعالم", "שלום עולם!", "Z̸̢̛̗a̶͎͝l̴̰͑g̷̯̈́o̵̼͊", "👩‍🚀 in 🇫🇷 with 👨‍👩‍👧‍👦",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𓂀 ꙮ", "\u202eright to left\u202c", "a\u200bb\u200dc\u2060d", "١٢٣ 4½ Ⅷ",
    "Dr. Smith's U.S.-born\r\nfriend (sic)… \"said\" so.", "http://x.y/?q=ß&r=1 @user #tag :-)",
)  # fmt: skip
PLACES = {"word", "text", "answer", "token", "form"}


def filled(value: Any, texts: Iterator[str]) -> Any:
    """A kind's sample with other texts in place of its own."""
    return {name: next(texts) if isinstance(item, str) else item for name, item in value.items()}


def inputs(kind: type[Kind]) -> st.SearchStrategy[Kind]:
    text = st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
        st.lists(st.sampled_from(ODD), min_size=1, max_size=4).map(" ".join), st.sampled_from(ODD),
    )  # fmt: skip
    return st.lists(text, min_size=4, max_size=4).map(
        lambda texts: msgspec.convert(filled(dict(kind.sample), iter(texts)), kind)
    )


def stretches(value: Any) -> Iterator[tuple[int, int, str | None]]:
    """(start, end, the text that stands there where the answer repeats it) of everything an answer places."""
    if isinstance(value, dict):
        if isinstance(value.get("start"), int) and isinstance(value.get("end"), int):
            repeated = [value[name] for name in PLACES if isinstance(value.get(name), str)]
            yield value["start"], value["end"], repeated[0] if repeated else None
        for inner in value.values():
            yield from stretches(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from stretches(inner)


def faults(predictor: Predictor, values: list[Kind]) -> list[str]:
    """What is wrong with the answers to some inputs: offsets that slice no text of the input (or of the answer itself).
    A refusal that says why is an answer; anything else that is raised is the test's failure."""
    found = []
    for value in values:
        try:
            (answer,) = predictor.predict([value])
        except RequestError:
            continue
        plain = json.loads(kinds.encode(answer))
        given = json.loads(kinds.encode(value))
        known = [text for text in (*given.values(), plain.get("text")) if isinstance(text, str)]
        for start, end, repeated in stretches(plain):
            inside = 0 <= start <= end <= max(map(len, known), default=0)
            if not inside or not (repeated is None or any(text[start:end] == repeated for text in known)):
                found.append(f"[{start}, {end}) is not {repeated!r} in {known}")
        answer.as_text()
        answer.rows()
    return found


def search(predictor: Predictor, examples: int) -> list[str]:
    """The faults of an input that breaks a bundle, if one can be found."""
    kind = KINDS[predictor.manifest.input]
    odd = [msgspec.convert(filled(dict(kind.sample), iter([text] * 4)), kind) for text in ODD]
    if found := faults(predictor, odd):
        return found
    quick = settings(
        max_examples=examples, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    some = st.lists(inputs(kind), min_size=1, max_size=3)
    try:
        return faults(predictor, find(some, lambda values: bool(faults(predictor, values)), settings=quick))
    except NoSuchExample:
        return []


def test_an_answer_that_does_not_slice_its_input_is_found() -> None:
    class Wrong:
        def predict(self, values: list[Kind]) -> list[Kind]:
            return [decode("entities", {"entities": [
                {"entity_group": "x", "score": 1.0, "word": "b", "start": 0, "end": 1}]})]  # fmt: skip

    assert faults(Wrong(), [Text("ab")]) == ["[0, 1) is not 'b' in ['ab']"]  # type: ignore[arg-type]
    assert not faults(Wrong(), [Text("ba")])  # type: ignore[arg-type]


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_a_committed_starter_takes_any_text(path: Path) -> None:
    predictor = Predictor.open(path)
    if not any(field.type is bytes for field in msgspec.structs.fields(KINDS[predictor.manifest.input])):
        assert not search(predictor, 25)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    import learn_fixtures

    return str(learn_fixtures.tiny_text_model(tmp_path_factory.mktemp("encoder")))


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_task_takes_any_text(name: str, encoder: str, tmp_path: Path) -> None:
    kind = KINDS[tasks.find(name).input]
    if any(field.type is bytes for field in msgspec.structs.fields(kind)):
        pytest.skip("its input is no text")
    try:
        executor = tiny_tasks.run(tiny_tasks.project(tmp_path, name), until="export")
    except ConfigError as error:
        if error.where != "train.model":
            raise
        executor = tiny_tasks.run(tiny_tasks.project(tmp_path, name, encoder), until="export")
    assert not search(Predictor.open(executor.path("export") / "bundle"), 60)
