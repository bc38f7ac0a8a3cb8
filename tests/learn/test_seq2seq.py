"""The encoder-decoder family: vocabulary, copies, both networks, their graphs, and the way through train and export."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import dataset, work

from modelworks.bundle import Predictor, Runtime, open_resources
from modelworks.bundle.engines.onnx import ENGINE
from modelworks.contracts import op as ops
from modelworks.contracts import task as tasks
from modelworks.contracts.family import Source
from modelworks.core.errors import StepError
from modelworks.kinds import Text
from modelworks.stages import learn
from modelworks.stages.learn import base, seq2seq_copies, seq2seq_vocabulary, sources
from modelworks.stages.learn.families.seq2seq import FAMILY, Compact, Pretrained
from modelworks.stages.learn.networks.dropout import Dropout

TASK = tasks.find("translation")
SMALL = {
    "vocabulary": 300, "width": 32, "heads": 2, "inner": 64, "layers": 2, "dropout": 0.0, "batch_size": 6, "beams": 2,
    "threads": 1,
}  # fmt: skip
MODELS = ("t5", "bart", "marian")


def model(folder: Path, kind: str) -> Path:
    """A tiny encoder-decoder with random weights and a tokenizer of words, as a hub folder."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BartConfig, BartForConditionalGeneration, MarianConfig, MarianMTModel, T5Config
    from transformers import T5ForConditionalGeneration as T5

    words = sorted({word for one in TASK.example() for text in (one.input.text, *one.target.references)
                    for word in text.split()})  # fmt: skip
    special = ["<pad>", "</s>", "<unk>", "<s>"]
    tokenizer = Tokenizer(models.WordLevel({t: n for n, t in enumerate([*special, *words])}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(special)
    frame = "<s> $A </s>" if kind == "bart" else "$A </s>"
    tokenizer.post_processor = processors.TemplateProcessing(single=frame, special_tokens=[("</s>", 1), ("<s>", 3)])
    size = len(special) + len(words)
    both = {
        "vocab_size": size, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 64,
        "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 3, "forced_eos_token_id": None, "dropout": 0.0,
    }  # fmt: skip
    torch.manual_seed(0)
    if kind == "t5":
        made = T5(T5Config(vocab_size=size, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2,
                           decoder_start_token_id=0, dropout_rate=0.0))  # fmt: skip
    elif kind == "bart":
        made = BartForConditionalGeneration(BartConfig(**both, decoder_start_token_id=1))
    else:
        made = MarianMTModel(MarianConfig(**both, decoder_start_token_id=0))
    made.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module", params=["compact", *MODELS])
def case(request, tmp_path_factory):
    """(front, options, network, rows, folder) for a network from scratch and for each type of pretrained one."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.set_num_threads(1)
    if request.param == "compact":
        source, options = Source(name="compact"), Compact(**SMALL)
    else:
        source = sources.resolve(model(folder / "model", request.param).name, folder)
        options = Pretrained(beams=2, prefix="say: " if request.param == "t5" else "")
    examples = TASK.example()
    front = FAMILY.prepare(examples, source, options, folder)
    read = front.body.before[0]
    resources = open_resources(folder, front.resources)
    ids, units = ops.find(read.op).run(Tools({}, resources), [one.input.text for one in examples], **read.params)
    rows = [
        {"ids": ids[n], "units": units[n], **TASK.encode(one.target, {"text": one.input.text}, ())}
        for n, one in enumerate(examples)
    ]
    rows = FAMILY.numericalize(rows, front, folder)
    network = FAMILY.build(front, [], options, folder)
    if not source.compact:
        FAMILY.load(network, source)
    return front, options, network.eval(), rows, folder


class Tools:
    def __init__(self, graphs, resources) -> None:
        self.graphs, self.resources = graphs, resources

    def run(self, graph, feeds):
        return self.graphs[graph](feeds)

    def resource(self, name):
        return self.resources[name]


def feeds(batch):
    return {name: value for name, value in batch.items() if name != "labels"}


def test_padding_changes_nothing_and_logits_are_those_of_the_target(case):
    front, _, network, rows, _ = case
    batch = FAMILY.collate(rows, front)
    assert batch["input_ids"].shape[1] % base.MULTIPLE == 0
    with torch.no_grad():
        together = network(**feeds(batch))["logits"]
        alone = torch.cat([network(**feeds(FAMILY.collate([row], front)))["logits"] for row in rows])
    assert len(together) == sum(len(row["target"]) for row in rows)
    assert torch.allclose(together, alone, atol=1e-4)


def test_steps_with_a_cache_say_what_the_whole_says(case):
    front, _, network, rows, folder = case
    batch = FAMILY.collate(rows[:3], front)
    entries = FAMILY.export(network, folder)
    run = {entry.name: ENGINE(folder / entry.file, entry, Runtime()) for entry in entries}
    source = {name: batch[name].numpy() for name in ("input_ids", "attention_mask")}
    memory = run["encoder"](source)
    past = {f"past_{n}": np.zeros((6, heads, 0, width), np.float32) for n, (heads, width) in enumerate(network.past())}
    target, said = batch["target_ids"].numpy(), []
    for step in range(target.shape[1]):
        tokens = np.repeat(target[:, step : step + 1], 2, axis=1)  # two beams, both the target
        made = run["decoder"]({"tokens": tokens, "attention_mask": source["attention_mask"], **memory, **past})
        past = {f"past_{n}": made[f"present_{n}"] for n in range(len(past))}
        assert np.allclose(made["attention"].sum(axis=2), 1, atol=1e-5)
        said.append(made["logprobs"])
    with torch.no_grad():
        whole = network(**feeds(batch))["logits"].log_softmax(-1).numpy()
    stepwise = np.stack(said, axis=2)
    kept = batch["target_mask"].numpy().astype(bool)
    for beam in range(2):
        assert np.abs(stepwise[:, beam][kept] - whole).max() < 1e-4


def test_it_learns_its_examples_by_heart_and_writes_them(case):
    front, options, network, rows, folder = case
    groups = FAMILY.groups(network, options)
    trained = [parameter for group in groups for parameter in group["params"]]
    assert {id(p) for p in trained} == {id(p) for p in network.parameters() if p.requires_grad}
    for group in groups:
        group["lr"] = 0.02 if group.get("muon") else 5e-3
    optimizer, make = FAMILY.optimizer(groups), FAMILY.batcher(rows, front, [], options)
    network.train()
    for step in range(90):
        batch = make(list(range(len(rows))), np.random.default_rng(step))
        FAMILY.loss(network(**feeds(batch)), batch, options).backward()
        optimizer.step()
        optimizer.zero_grad()
    network.eval()
    graphs = {name: _runner(graph) for name, graph in FAMILY.graphs(network).items()}
    resources = open_resources(folder, front.resources)
    read, write = front.body.before[0], front.body.after[0]
    texts = [one.input.text for one in TASK.example()]
    ids, units = ops.find(read.op).run(Tools({}, resources), texts, **read.params)
    written, _, alignments, _ = ops.find(write.op).run(Tools(graphs, resources), ids, units, texts, **write.params)
    right = sum(text == one.target.references[0] for text, one in zip(written, TASK.example(), strict=True))
    assert right >= 10, written
    assert all(0 <= one["source_start"] < one["source_end"] <= len(t)
               for t, row in zip(texts, alignments, strict=True) for one in row)  # fmt: skip


def _runner(graph):
    def run(arrays):
        with torch.no_grad():
            made = graph(**{name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()})
        return {name: value.numpy() for name, value in made.items()}

    return run


def test_words_on_both_sides_are_made_unknown_on_both(tmp_path):
    front = FAMILY.prepare(TASK.example(), Source(name="compact"), Compact(**SMALL), tmp_path)
    resources = open_resources(tmp_path, front.resources)
    text, target = "A man plays guitar in Berlin.", "Ein Mann spielt Gitarre in Berlin."
    ids, units = ops.find("generate.read.v1").run(Tools({}, resources), [text])
    row = {"ids": ids[0], "units": units[0], "text": text, "references": (target,)}
    (made,) = seq2seq_vocabulary.numbered([row], resources["source"], resources["target"], 64)
    names = [text[units[0][a.stretch.start][0] : units[0][a.stretch.end - 1][1]] for a, _ in made["alike"]]
    assert names == ["in", "Berlin"]
    for side, number in (("source", 0), ("target", 1)):
        whole = made["ids" if side == "source" else "target"]
        hidden = seq2seq_copies.hidden(whole, [pair[number] for pair in made["alike"][1:]])
        expected = resources[side].encode((text if side == "source" else target).replace("Berlin", "☃☃"))
        assert hidden.tolist() == expected.ids


def test_unknown_words_are_kept_within_their_limits():
    assert seq2seq_copies.alike(("x y x", [(0, 1), (1, 3), (3, 5)]), ("y x", [(0, 1), (1, 3)])) == [
        ((1, 2, True), (0, 1, True))
    ]
    assert seq2seq_copies.alike(("ab", [(0, 1)]), ("ab", [(0, 2)])) == []


def test_dropout_is_the_same_for_the_same_seed_and_keeps_the_mean():
    layer, x = Dropout(0.25).train(), torch.ones(64, 1000)
    torch.manual_seed(1)
    first = layer(x)
    torch.manual_seed(1)
    assert torch.equal(first, layer(x))
    assert not torch.equal(first, layer(x))
    assert abs(float(first.mean()) - 1) < 0.02
    assert abs(float((first == 0).float().mean()) - 0.25) < 0.02
    assert layer.eval()(x) is x


@pytest.mark.parametrize("shared", [False, True])
def test_from_pairs_to_a_bundle_that_answers(tmp_path, shared):
    dataset(tmp_path / "data", "translation")
    options = {**SMALL, "epochs": 10, "scorings": 0.2, "shared": shared, "candidates": 2}
    wish = {"model": "compact", "budget": "1h", "options": options}
    task = {"task": "translation"}
    data = {"dataset": tmp_path / "data"}
    learn.train(work(tmp_path, "checkpoint", data, {**task, "train": wish}))
    data["checkpoint"] = tmp_path / "checkpoint"
    learn.export(work(tmp_path, "bundle", data, {**task, "name": "tried"}))
    predictor = Predictor.open(tmp_path / "bundle" / "bundle")
    assert predictor.company != "none"
    inputs = [example.input for example in TASK.example()] + [Text("q"), Text("李明 ☃ zzz")]
    together = predictor.predict(inputs)
    assert together == [predictor.predict([value])[0] for value in inputs]
    assert all(len(one.candidates) == 2 and one.candidates[0].text == one.text for one in together)


def test_a_pretrained_folder_must_hold_what_is_needed(tmp_path):
    folder = model(tmp_path / "model", "t5")
    source = sources.resolve("model", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "is_encoder_decoder": False}))
    with pytest.raises(StepError, match="no encoder-decoder"):
        FAMILY.prepare(TASK.example(), source, Pretrained(), tmp_path / "out")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(StepError, match=r"no tokenizer\.json"):
        FAMILY.prepare(TASK.example(), source, Pretrained(), tmp_path / "out")
