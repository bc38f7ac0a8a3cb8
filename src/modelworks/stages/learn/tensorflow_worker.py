"""What runs in the Python that has TensorFlow: `python -I tensorflow_worker.py JOB.json`. Imports nothing of ours.

A job is `{"do": …, "form": …, "file": …, "folder": …}`. `convert` writes folder/model.onnx and signature.json; `run`
reads feeds.npz (`0`, `1`… in the order of the inputs) and writes answers.npz; `fit` trains a Keras model on folder's
rows.npz, and does all of this with it. A fault is written to folder/fault.json, in words.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
OPSET = 17


class KerasModel:
    """`.keras`, opened in safe mode: no layer brings code of its own."""

    def __init__(self, file: str) -> None:
        import keras

        self.use(keras.models.load_model(file, compile=False, safe_mode=True))

    def use(self, model: Any) -> None:
        self.model = model
        self.inputs = [(tensor.name, tensor.dtype, list(tensor.shape)) for tensor in model.inputs]

    def call(self, *arrays: Any) -> list[Any]:
        found = self.model(list(arrays) if len(arrays) > 1 else arrays[0], training=False)
        return list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else [found]

    def run(self, arrays: list[Any]) -> list[Any]:
        return [output.numpy() for output in self.call(*arrays)]

    def convert(self, path: Path) -> None:
        import tensorflow as tf
        import tf2onnx

        specs = [tf.TensorSpec(shape, dtype, name=f"input_{i}") for i, (_, dtype, shape) in enumerate(self.inputs)]
        tf2onnx.convert.from_function(
            tf.function(lambda *arrays: self.call(*arrays)), input_signature=specs, opset=OPSET, output_path=str(path)
        )


class SavedModel(KerasModel):
    """A SavedModel's default signature: a graph of TensorFlow operations."""

    def __init__(self, file: str) -> None:
        import tensorflow as tf

        self.kept = tf.saved_model.load(file)
        self.serve = self.kept.signatures["serving_default"]
        specs = self.serve.structured_input_signature[1]
        names = [tensor.name.split(":")[0] for tensor in self.serve.inputs if tensor.dtype != tf.resource]
        order = sorted(specs, key=lambda name: next((i for i, n in enumerate(names) if n.endswith(name)), len(names)))
        self.inputs = [(name, specs[name].dtype.name, specs[name].shape.as_list()) for name in order]

    def call(self, *arrays: Any) -> list[Any]:
        found = self.serve(**{name: array for (name, _, _), array in zip(self.inputs, arrays, strict=True)})
        return [found[name] for name in sorted(found)]

    def run(self, arrays: list[Any]) -> list[Any]:
        import tensorflow as tf

        return [output.numpy() for output in self.call(*map(tf.constant, arrays))]


class TFLite:
    """A TFLite file; its own framework is TensorFlow's interpreter of them, one batch of the file's size at a time."""

    def __init__(self, file: str) -> None:
        import tensorflow as tf

        self.file = file
        self.interpreter = tf.lite.Interpreter(model_path=file)
        self.interpreter.allocate_tensors()
        self.inputs = [
            (one["name"], one["dtype"].__name__, one["shape"].tolist()) for one in self.interpreter.get_input_details()
        ]

    def run(self, arrays: list[Any]) -> list[Any]:
        for detail, array in zip(self.interpreter.get_input_details(), arrays, strict=True):
            self.interpreter.set_tensor(detail["index"], array)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(one["index"]) for one in self.interpreter.get_output_details()]

    def convert(self, path: Path) -> None:
        import tf2onnx

        tf2onnx.convert.from_tflite(self.file, opset=OPSET, output_path=str(path))


FORMS = {"keras": KerasModel, "saved-model": SavedModel, "tflite": TFLite}


def convert(job: dict[str, Any], model: Any) -> None:
    """Write the graph and what its inputs are."""
    folder = Path(job["folder"])
    model.convert(folder / "model.onnx")
    ports = [
        {"name": name, "dtype": dtype, "shape": [None if size in (None, -1) else int(size) for size in shape]}
        for name, dtype, shape in model.inputs
    ]
    (folder / "signature.json").write_text(json.dumps(ports))


def run(job: dict[str, Any], model: Any) -> None:
    """Answer the feeds as TensorFlow does."""
    import numpy as np

    folder = Path(job["folder"])
    with np.load(folder / "feeds.npz", allow_pickle=False) as feeds:
        answers = model.run([feeds[str(number)] for number in range(len(feeds.files))])
    np.savez(folder / "answers.npz", **{str(number): array for number, array in enumerate(answers)})


def fit(job: dict[str, Any]) -> None:
    """Train a Keras model, keep it as model.keras, convert it, and answer some of its own rows."""
    import keras
    import numpy as np

    folder, options = Path(job["folder"]), job["options"]
    keras.utils.set_random_seed(job["seed"])
    with np.load(folder / "rows.npz", allow_pickle=False) as rows:
        inputs, labels = rows["inputs"], rows["labels"]
    model = globals()[f"{job['network']}_network"](keras, job, options)
    model.compile(
        optimizer=keras.optimizers.AdamW(options["learning_rate"], weight_decay=options["weight_decay"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit(inputs, labels, batch_size=options["batch_size"], epochs=round(options["epochs"]), verbose=0)
    model.save(folder / "model.keras")
    (folder / "history.json").write_text(json.dumps(history.history["loss"]))
    trained = KerasModel.__new__(KerasModel)
    trained.use(model)
    convert(job, trained)
    np.savez(folder / "feeds.npz", **{"0": inputs[:16]})
    run(job, trained)


def text_network(keras: Any, job: dict[str, Any], options: dict[str, Any]) -> Any:
    """Word vectors, their mean and largest values, one hidden layer."""
    ids = keras.Input((job["length"],), dtype="int32", name="ids")
    vectors = keras.layers.Embedding(job["words"], options["width"], name="vectors")(ids)
    wide = keras.layers.Conv1D(options["width"], 3, padding="same", activation="relu")(vectors)
    pooled = keras.layers.Concatenate()([
        keras.layers.GlobalAveragePooling1D()(vectors), keras.layers.GlobalMaxPooling1D()(wide),
    ])  # fmt: skip
    hidden = keras.layers.Dropout(options["dropout"])(pooled)
    return keras.Model(ids, keras.layers.Dense(job["classes"])(hidden))


def image_network(keras: Any, job: dict[str, Any], options: dict[str, Any]) -> Any:
    """Convolutions with batch normalization, twice as many channels at half the size each time."""
    pixels = keras.Input((job["size"], job["size"], 3), dtype="uint8", name="pixels")
    flow = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    for channels in options["widths"]:
        flow = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False)(flow)
        flow = keras.layers.BatchNormalization(momentum=0.9)(flow)
        flow = keras.layers.MaxPooling2D()(keras.layers.Activation("relu")(flow))
    flow = keras.layers.Dropout(options["dropout"])(keras.layers.GlobalAveragePooling2D()(flow))
    return keras.Model(pixels, keras.layers.Dense(job["classes"])(flow))


def main(path: str) -> int:
    """Do one job; 0 when it is done, 1 when fault.json says why not."""
    job = json.loads(Path(path).read_text())
    try:
        if job["do"] == "fit":
            fit(job)
        else:
            {"convert": convert, "run": run}[job["do"]](job, FORMS[job["form"]](job["file"]))
    except Exception as error:  # whatever TensorFlow raises is told to the caller, in words
        (Path(job["folder"]) / "fault.json").write_text(json.dumps(f"{type(error).__name__}: {error}"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
