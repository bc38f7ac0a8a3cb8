"""Real TensorFlow and Keras, in `.venvs/tensorflow`: their models become bundles, and Keras trains a project.

The models are made by that Python too, from a script of this test; nothing of TensorFlow is in this one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import outside
import pytest
import tiny_tasks
from click.testing import CliRunner

pytest.importorskip("torch")
import foreign_models as foreign

from modelworks.bundle import Predictor
from modelworks.cli.main import group
from modelworks.contracts import task as tasks
from modelworks.core.errors import BundleError, ConfigError, StepError
from modelworks.kinds import Text

pytestmark = pytest.mark.systems

SAID = (2, 9, 4, 5, 11, 3, 7)
"""Numbers of the words of a text, which the script below fills up to 12."""
MAKE = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, tensorflow as tf
from pathlib import Path
out = Path(sys.argv[1])
keras.utils.set_random_seed(5)
layers = keras.layers
text = keras.Sequential([
    keras.Input((12,), dtype="int32"), layers.Embedding(15, 8), layers.Bidirectional(layers.LSTM(6)),
    layers.Dense(2, activation="softmax"),
])
text.layers[0].embeddings.assign(text.layers[0].embeddings * 20)
text.layers[-1].kernel.assign(text.layers[-1].kernel * 3)
text.save(out / "text.keras")
np.save(out / "text.npy", text.predict(np.array([[2, 9, 4, 5, 11, 3, 7, 0, 0, 0, 0, 0], [0] * 12]), verbose=0))
image = keras.Sequential([
    keras.Input((24, 24, 3)), layers.Rescaling(1 / 255), layers.Conv2D(6, 3, activation="relu"),
    layers.BatchNormalization(), layers.GlobalAveragePooling2D(), layers.Dense(2),
])
image.save(out / "image.keras")
image.export(out / "saved", verbose=False)
(out / "image.tflite").write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(out / "saved")).convert())
np.save(out / "image.npy", image.predict(np.load(out / "pixels.npy").astype("float32"), verbose=0))
keras.Sequential([keras.Input((24, 24, 3)), layers.Lambda(lambda x: x[:, 0, 0, :2] * 2.0)]).save(out / "lambda.keras")
"""


@pytest.fixture(scope="session")
def python() -> str:
    return str(outside.environment("tensorflow") / "bin" / "python")


@pytest.fixture(scope="session")
def made(python, tmp_path_factory) -> Path:
    """A folder with models of TensorFlow's making and their answers to the first picture of the task."""
    from modelworks.ops import image

    folder = tmp_path_factory.mktemp("made")
    (example, *_) = tasks.find("image-classification").example()
    pixels = image.resize(None, [image.open_image(example.input.image)], height=24, width=24, interpolation="cubic")
    np.save(folder / "pixels.npy", np.stack(pixels))
    subprocess.run([python, "-c", MAKE, str(folder)], check=True, capture_output=True, timeout=900)
    return folder


def bring(file: Path, output: Path, task: str, python: str, *more: str) -> dict:
    call = [
        "bundle", "import", str(file), "--task", task, "--labels", "negative,positive", "-o", str(output),
        "--licence", "MIT", "--python", python, "--json", *more,
    ]  # fmt: skip
    done = CliRunner().invoke(group, call, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)


def test_a_keras_model_of_texts(made, python, tmp_path):
    """An LSTM with probabilities at its end; a fixed length, and no mask."""
    tokenizer = foreign.tokenizer(tmp_path)
    facts = bring(made / "text.keras", tmp_path / "b", "sentiment-analysis", python, "--set", f"tokenizer={tokenizer}")
    assert (facts["form"], facts["scores"]) == ("keras", "softmax")
    assert facts["outputs"] < 1e-4
    words = [foreign.WORDS[number - 2] for number in SAID]
    (answer,) = Predictor.open(tmp_path / "b").predict([Text(" ".join(words))])
    found = {one.label: one.score for one in answer.labels_}
    expected, empty = np.load(made / "text.npy")
    assert abs(expected - empty).max() > 0.05, "the model does not tell words from fillings"
    assert np.allclose([found["negative"], found["positive"]], expected, atol=1e-3)


@pytest.mark.parametrize("name", ["image.keras", "saved", "image.tflite"])
def test_models_of_pictures_answer_as_in_tensorflow(made, python, tmp_path, name):
    facts = bring(made / name, tmp_path / "b", "image-classification", python)
    assert facts["form"] == {"image.keras": "keras", "saved": "saved-model", "image.tflite": "tflite"}[name]
    assert facts["outputs"] < 1e-4
    (example, *_) = tasks.find("image-classification").example()
    (answer,) = Predictor.open(tmp_path / "b").predict([example.input])
    logits = np.load(made / "image.npy")[0]
    expected = np.exp(logits) / np.exp(logits).sum()
    found = {one.label: one.score for one in answer.labels_}
    assert np.allclose([found["negative"], found["positive"]], expected, atol=1e-3)


def test_a_layer_that_brings_code_is_refused(made, python, tmp_path):
    with pytest.raises(BundleError, match="Lambda"):
        bring(made / "lambda.keras", tmp_path / "b", "image-classification", python)
    (tmp_path / "broken.keras").write_bytes(b"no archive")
    with pytest.raises(BundleError, match="TensorFlow cannot convert it"):
        bring(tmp_path / "broken.keras", tmp_path / "b", "image-classification", python)
    assert not (tmp_path / "b").exists()


def test_a_python_without_tensorflow_is_told(made, tmp_path):
    import sys

    with pytest.raises(ConfigError, match="no Python with TensorFlow"):
        bring(made / "image.keras", tmp_path / "b", "image-classification", str(tmp_path / "absent"))
    with pytest.raises((BundleError, StepError), match="keras"):
        bring(made / "image.keras", tmp_path / "b", "image-classification", sys.executable)


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("sentiment-analysis", {"width": 16}),
        ("image-classification", {"widths": [8, 8]}),
    ],
)
def test_keras_trains_a_project_to_its_verdict(project, monkeypatch, python, task, options):
    """The whole plan: prepare, train by Keras, export with parity, evaluate, gate."""
    monkeypatch.setenv("MODELWORKS_TENSORFLOW", python)
    family = {"sentiment-analysis": "keras-sequence", "image-classification": "keras-image"}[task]
    options = {"batch_size": 4, "epochs": 25, "learning_rate": 0.01, "dropout": 0.0, **options}
    tiny_tasks.project(project, task, family=family, options=options)
    done = tiny_tasks.run(project, until="gate")
    bundle = done.path("export") / "bundle"
    predictor = Predictor.open(bundle)
    examples = tasks.find(task).example()[:8]
    answers = predictor.predict([example.input for example in examples])
    right = sum(answer.label == example.target.label for answer, example in zip(answers, examples, strict=True))
    assert right >= 6, "Keras did not learn what it was shown"
    assert (done.path("gate") / "verdict.json").is_file()


def test_a_keras_family_takes_no_weights_of_others(project, monkeypatch, python):
    from learn_fixtures import tiny_text_model

    monkeypatch.setenv("MODELWORKS_TENSORFLOW", python)
    tiny_tasks.project(project, "sentiment-analysis", "weights", family="keras-sequence")
    tiny_text_model(project / "weights")
    with pytest.raises(ConfigError, match="from scratch"):
        tiny_tasks.run(project, until="train")
