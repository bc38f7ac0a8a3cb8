"""Models of other makers become bundles that answer as they did, or nothing at all."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

sys.path.insert(0, str(Path(__file__).parent))
import foreign_models as foreign
from click.testing import CliRunner
from learn_fixtures import tiny_text_model

from modelworks.bundle import Predictor
from modelworks.cli.main import group
from modelworks.contracts import task as tasks
from modelworks.core.errors import BundleError, ConfigError, StepError
from modelworks.kinds import Text
from modelworks.stages.learn import importing

pytestmark = pytest.mark.filterwarnings("ignore")  # torch.jit and both exporters warn of their own age


def bring(file, *more, task="sentiment-analysis", labels="negative,positive"):
    """Run the command; facts as plain data. Errors of ours come through."""
    output = file.parent / f"bundle-of-{task}-{file.name}"
    call = ["bundle", "import", str(file), "--task", task, "-o", str(output), "--licence", "MIT", "--json", *more]
    if labels:
        call += ["--labels", labels]
    done = CliRunner().invoke(group, call, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)


MAKERS = {
    "model.ts": lambda path: foreign.script(foreign.Words(), path),
    "model.pt2": lambda path: foreign.exported(foreign.Words(), path),
    "model.onnx": lambda path: foreign.graph(foreign.Words(softmax=True), path),
}


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_model_of_texts_answers_as_it_did(tmp_path, name):
    file = MAKERS[name](tmp_path / name)
    facts = bring(file, "--set", f"tokenizer={foreign.tokenizer(tmp_path)}", "--set", "max_length=32")
    assert facts["difference"] <= 1e-3
    assert facts["outputs"] <= 1e-4
    assert facts["scores"] == ("softmax" if name.endswith(".onnx") else "logits")
    predictor = Predictor.open(Path(facts["folder"]))
    text = "i was every minute of it, a dull film"
    (answer,) = predictor.predict([Text(text)])
    words = [foreign.WORDS.index(word) + 2 if word in foreign.WORDS else 1 for word in text.replace(",", " ,").split()]
    expected = foreign.Words(softmax=True).eval()(torch.tensor([words]), torch.ones(1, len(words), dtype=torch.long))
    found = {one.label: one.score for one in answer.labels_}
    assert np.allclose([found[label] for label in foreign.LABELS], expected.detach().numpy()[0], atol=1e-3)


@pytest.mark.parametrize("form", ["ts", "pt2"])
def test_a_model_of_pictures_gets_its_axes_and_its_normal_form(tmp_path, form):
    file = tmp_path / f"eyes.{form}"
    if form == "ts":
        foreign.script(foreign.Pixels(), file)
    else:
        foreign.exported(foreign.Pixels(), file, (torch.zeros(2, 3, 24, 24),))
    task = "image-classification"
    labels = tasks.find(task).example()[0].target.labels()
    assert labels
    options = ["size=24", "layout=channels-first", "divide=255", "mean=[0.5,0.4,0.3]", "std=[0.2,0.2,0.25]"]
    facts = bring(file, *(part for one in options for part in ("--set", one)), task=task)
    (example, *_) = tasks.find(task).example()
    (answer,) = Predictor.open(Path(facts["folder"])).predict([example.input])
    from modelworks.ops import image

    pixels = image.resize(None, [image.open_image(example.input.image)], height=24, width=24, interpolation="cubic")[0]
    ready = (pixels.astype(np.float64) / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.2, 0.25]
    feed = torch.from_numpy(ready.transpose(2, 0, 1)[None].astype(np.float32))
    expected = foreign.Pixels()(feed).softmax(-1)[0].detach().numpy()
    found = {one.label: one.score for one in answer.labels_}
    assert np.allclose([found[label] for label in foreign.LABELS], expected, atol=1e-3)


def test_weights_alone_fill_a_network_of_ours(tmp_path):
    """A state dict as torch.save and DistributedDataParallel write it, of a fine-tuned encoder."""
    from modelworks.contracts.family import Source
    from modelworks.core import registry
    from modelworks.stages.learn import sources

    folder = tiny_text_model(tmp_path / "model")
    family = registry.leaf("modelworks.stages.learn.families", "sequence", "FAMILY")
    source: Source = sources.resolve(str(folder), tmp_path)
    (tmp_path / "front").mkdir()
    front = family.prepare([], source, family.options(), tmp_path / "front")
    torch.manual_seed(1)
    module = family.build(front, foreign.LABELS, family.options(), tmp_path / "front")
    weights = {f"module.{name}": value for name, value in module.state_dict().items()}
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "weights.pt")
    facts = bring(tmp_path / "weights.pt", "--model", str(folder))
    assert (facts["form"], facts["scores"]) == ("state-dict", "logits")
    assert facts["outputs"] <= 1e-4
    with pytest.raises(BundleError, match="not those of the family"):
        bring(tmp_path / "weights.pt", "--model", "compact", "--family", "image", task="image-classification")


def test_a_like_bundle_lends_its_program(tmp_path):
    import tiny_bundles

    like = tiny_bundles.make_text_bundle(tmp_path / "like")
    manifest = Predictor.open(like).manifest
    graph = Path(shutil.copyfile(like / manifest.graphs[0].file, tmp_path / "other.onnx"))
    facts = bring(graph, "--like", str(like), labels="")
    other = Predictor.open(Path(facts["folder"]))
    texts = [Text("a good film"), Text("dull")]
    assert other.predict(texts) == Predictor.open(like).predict(texts)
    with pytest.raises(ConfigError, match="other labels"):
        importing.run(
            graph, importing.Request(task="sentiment-analysis", labels=("x",), like=like), tmp_path / "n",
            tmp_path, form="", name="n", licence="", source="",
        )  # fmt: skip


def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path):
    file = foreign.graph(foreign.Words(), tmp_path / "model.onnx")
    words = ("--set", f"tokenizer={foreign.tokenizer(tmp_path)}")
    with pytest.raises(ConfigError, match="2 output units and there are 3 labels"):
        bring(file, *words, labels="a,b,c")
    with pytest.raises(ConfigError, match="needs the tokenizer"):
        bring(file)
    with pytest.raises(ConfigError, match="no such option"):
        bring(file, *words, "--set", "maxlength=3")
    with pytest.raises(ConfigError, match="not known"):
        bring(file, *words, task="named-entity-recognition")
    (tmp_path / "strange.xyz").write_bytes(b"x")
    with pytest.raises(ConfigError, match="does not tell"):
        bring(tmp_path / "strange.xyz")
    (tmp_path / "broken.onnx").write_bytes(b"rubbish, not a graph")
    with pytest.raises(BundleError):
        bring(tmp_path / "broken.onnx", *words)
    assert not list(tmp_path.glob("*bundle-of-*"))


def test_a_graph_that_answers_otherwise_is_refused(tmp_path, monkeypatch):
    """An exporter that loses something must not get past the comparison."""
    from modelworks.stages.learn.imports import torchscript

    file = foreign.script(foreign.Words(), tmp_path / "model.ts")
    other = foreign.Words()
    torch.nn.init.normal_(other.head.weight)
    honest = torchscript._export
    monkeypatch.setattr(torchscript, "_export", lambda module, *call: honest(other, *call))
    with pytest.raises(StepError, match="does not answer as"):
        bring(file, "--set", f"tokenizer={foreign.tokenizer(tmp_path)}")
    assert not list(tmp_path.glob("*bundle-of-*"))


class Trap:
    """What a pickle of it would run."""

    ran: ClassVar[list[str]] = []

    def __reduce__(self):
        return (Trap.ran.append, ("ran",))


def altered(file: Path, change) -> Path:
    """The archive with each part as `change(name, bytes)` gives it."""
    target = file.with_name(f"evil-{file.name}")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, change(info.filename, old.read(info)))
    return target


def evil_program(name, data, part):
    if part == "sample" and name.endswith("sample_inputs/model.pt"):
        import io

        stream = io.BytesIO()
        torch.save(Trap(), stream)
        return stream.getvalue()
    text = data.decode() if name.endswith(".json") else ""
    if part == "operator" and name.endswith("models/model.json"):
        return text.replace("torch.ops.aten.div.Tensor", "torch.hub.load", 1).encode()
    if part == "size" and name.endswith("models/model.json"):
        assert '"expr_str": "' in text
        return text.replace('"expr_str": "', '"expr_str": "__import__(\'os\').getcwd() or ', 1).encode()
    if part == "weights" and name.endswith("weights_config.json"):
        return text.replace('"use_pickle": false', '"use_pickle": true', 1).encode()
    return data


@pytest.mark.parametrize("part", ["sample", "operator", "size", "weights"])
def test_an_exported_program_that_could_run_code_is_refused(tmp_path, part):
    file = foreign.exported(foreign.Words(), tmp_path / "model.pt2")
    evil = altered(file, lambda name, data: evil_program(name, data, part))
    with pytest.raises(BundleError, match="could run code"):
        bring(evil, "--set", f"tokenizer={foreign.tokenizer(tmp_path)}")
    assert Trap.ran == []


def test_guards_that_would_be_evaluated_are_left_out(tmp_path):
    """They are Python in a string, and nothing needs them."""
    file = foreign.exported(foreign.Words(), tmp_path / "model.pt2")
    mark = tmp_path / "mark"

    def change(name, data):
        if not name.endswith("models/model.json"):
            return data
        return json.dumps({**json.loads(data), "guards_code": [f"open({str(mark)!r}, 'w')"]}).encode()

    bring(altered(file, change), "--set", f"tokenizer={foreign.tokenizer(tmp_path)}")
    assert not mark.exists()


def test_torchscript_that_writes_files_is_refused(tmp_path):
    class Writes(torch.nn.Module):
        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            torch.save(ids, "mark")
            return ids.float()

    file = foreign.script(Writes(), tmp_path / "model.ts")
    with pytest.raises(BundleError, match=r"torch\.save"):
        bring(file, "--set", f"tokenizer={foreign.tokenizer(tmp_path)}")


def test_a_pickle_of_a_module_is_refused(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(Trap(), tmp_path / "model.pt")
    with pytest.raises(BundleError, match="not tensors alone"):
        bring(tmp_path / "model.pt")
    assert Trap.ran == []
