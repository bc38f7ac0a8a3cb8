"""The two tasks of one label."""

from __future__ import annotations

import base64
import re

import cv2
import numpy as np
import pytest

from modelworks.contracts import task as tasks
from modelworks.core.errors import ConfigError
from modelworks.kinds import Image, Label, Labels, Scored, Text


@pytest.mark.parametrize("name", ["sentiment-analysis", "image-classification"])
def test_a_label_is_its_position(name):
    task = tasks.find(name)
    assert task.classes(["x", "y"]) == ["x", "y"]
    encoded = task.encode(Label("y"), {}, ("x", "y"))["labels"]
    assert encoded.shape == ()
    assert int(encoded) == 1


def test_names_of_the_field_find_the_task():
    assert tasks.find("text-classification").name == "sentiment-analysis"
    assert tasks.find("token-classification").name == "named-entity-recognition"


def test_an_unknown_name_says_the_nearest():
    with pytest.raises(ConfigError, match="sentiment-analysis"):
        tasks.find("sentiment-analisis")


def test_bars_show_scores_and_mark_the_right_label():
    prediction = Labels("bad", 0.75, (Scored("bad", 0.75), Scored("good", 0.25)))
    html = tasks.find("sentiment").render(Text("so so"), Label("good"), prediction)
    assert "target: <b>good</b>" in html
    assert html.index("bad 0.7500") < html.index("good 0.2500")
    assert html.count("#7cc47f") == 1


def test_a_big_picture_becomes_a_thumbnail_inside_the_page():
    pixels = np.random.default_rng(0).integers(0, 255, (400, 800, 3), dtype=np.uint8)
    task = tasks.find("image-classification")
    html = task.render(Image(cv2.imencode(".jpg", pixels)[1].tobytes()), None, None)
    code = re.search(r'src="data:image/png;base64,([^"]+)"', html)[1]
    small = cv2.imdecode(np.frombuffer(base64.b64decode(code), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (48, 96, 3)
    assert len(html) < 30_000


def test_a_broken_picture_still_renders():
    assert "broken" in tasks.find("image-classification").render(Image(b"nothing"), Label("x"), None)
