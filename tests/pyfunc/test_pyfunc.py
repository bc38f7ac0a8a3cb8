"""The interface that MLflow imports, without MLflow: what counts as rows, and answers equal to the Predictor's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tiny_bundles import make_image_bundle, make_text_bundle, picture

from modelworks import kinds, pyfunc
from modelworks.bundle import Predictor
from modelworks.core.errors import RequestError

TEXTS = ["a good film", "bad"]
ROWS = [{"text": text} for text in TEXTS]


class Table:
    """As much of a data frame as is asked for."""

    columns = ("text", "tokens")

    def to_dict(self, how: str) -> list[dict[str, Any]]:
        assert how == "records"
        return [{**row, "tokens": float("nan")} for row in ROWS]


@pytest.mark.parametrize(
    "given", [Table(), ROWS, TEXTS, {"text": TEXTS}, [{"text": TEXTS}], {"text": np.array(TEXTS)}, np.array(TEXTS)],
    ids=["table", "rows", "texts", "columns", "columns in a row", "arrays", "array"],
)  # fmt: skip
def test_rows(given: Any) -> None:
    assert pyfunc.rows(given, "text") == ROWS


def test_one_row_may_hold_lists() -> None:
    prompt = {"messages": [{"role": "user", "content": "hello"}], "sampling": {"max_tokens": 3}, "text": None}
    assert pyfunc.rows(prompt, "prompt") == [{name: prompt[name] for name in ("messages", "sampling")}]
    assert pyfunc.rows("a text", "text") == [{"text": "a text"}]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(RequestError, match="one length"):
        pyfunc.rows({"question": ["a", "b"], "context": ["c"]}, "pair")


def test_texts_are_answered_as_by_the_predictor(tmp_path: Path) -> None:
    folder = make_text_bundle(tmp_path / "bundle")
    answers = pyfunc._load_pyfunc(str(folder)).predict({"text": TEXTS})
    expected = Predictor.open(folder).predict([kinds.Text(text) for text in TEXTS])
    assert [msgspec.json.encode(answer) for answer in answers] == [kinds.encode(answer) for answer in expected]


def test_pictures_come_as_bytes_or_base64(tmp_path: Path) -> None:
    model = pyfunc._load_pyfunc(str(make_image_bundle(tmp_path / "bundle")))
    coded = msgspec.to_builtins(kinds.Image(picture()))["image"]
    assert model.predict([{"image": picture()}]) == model.predict([{"image": coded}])


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    model = pyfunc._load_pyfunc(str(make_text_bundle(tmp_path / "bundle")))
    with pytest.raises(RequestError) as caught:
        model.predict([{"text": "fine"}, {"text": 3}])
    assert caught.value.where == "row 1"


def test_it_needs_neither_mlflow_nor_pandas() -> None:
    code = "import sys, modelworks, modelworks.pyfunc; sys.exit(bool({'mlflow', 'pandas', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
