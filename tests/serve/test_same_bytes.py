"""The same input through Python, `predict`, `batch`, `/predict` and V2 gives the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelworks import kinds
from modelworks.cli.batch import run
from modelworks.cli.predict import command
from modelworks.core.progress import Silent
from modelworks.kinds import Text

WORDS = ["good", "bad", "film", "the", "!", "naïve", "👩‍👩‍👧", "e\u0301"]
TEXTS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
        st.lists(st.sampled_from(["good", "bad", "film", "the", "!", "naïve", "👩‍👩‍👧", "e\u0301"]), max_size=30).map(
            " ".join
        ),
    ),
    min_size=1,
    max_size=8,
)
several = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@several
@given(TEXTS)
def test_every_door_gives_the_same_bytes(ask, text_bundle, predictor, tmp_path_factory, texts):
    alone = [kinds.encode(predictor.predict([Text(text)])[0]) for text in texts]
    assert [kinds.encode(p) for p in predictor.predict([Text(text) for text in texts])] == alone

    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    *singles, batch, v2 = ask(
        text_bundle,
        [
            *(("POST", "/predict", msgspec.json.encode({"text": text})) for text in texts),
            ("POST", "/predict", msgspec.json.encode({"inputs": [{"text": text} for text in texts]})),
            ("POST", "/v2/models/tiny/infer", msgspec.json.encode({"inputs": [tensor]})),
        ],
    )
    assert [response.body for response in singles] == alone
    assert batch.body == b'{"predictions":[' + b",".join(alone) + b"]}"
    assert [text.encode() for text in json.loads(v2.body)["outputs"][0]["data"]] == alone

    folder = tmp_path_factory.mktemp("batch")
    (folder / "in").write_bytes(b"".join(msgspec.json.encode({"text": text}) + b"\n" for text in texts))
    run(predictor, folder / "in", folder / "out", skip_bad=False, progress=Silent())
    assert (folder / "out").read_bytes() == b"".join(answer + b"\n" for answer in alone)


@pytest.mark.parametrize("texts", [["a good film", "bad", "👍 great"], ["x"]])
def test_the_command_prints_the_same_bytes(text_bundle: Path, predictor, texts):
    result = CliRunner().invoke(command, ["--bundle", str(text_bundle), "--json", *texts])
    assert result.exit_code == 0, result.output
    expected = [kinds.encode(p).decode() for p in predictor.predict([Text(text) for text in texts])]
    assert result.output.splitlines() == expected
