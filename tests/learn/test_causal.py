"""The causal family: cached steps say what one pass says, checkpoints are adapted, merged and exported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from modelworks.bundle import Interpreter, Runtime, open_resources
from modelworks.bundle.cache import Cached
from modelworks.bundle.engines.onnx import ENGINE
from modelworks.contracts import task as tasks
from modelworks.contracts.decoder import Cache
from modelworks.contracts.family import Source
from modelworks.kinds import Message, Prompt, Sampling

pytest.importorskip("torch")
import torch

from modelworks.stages.learn import muon
from modelworks.stages.learn.families.causal import FAMILY, Compact, Pretrained
from modelworks.stages.learn.muon import Muon, newton_schulz
from modelworks.stages.learn.networks import lora
from modelworks.stages.learn.networks.causal import Pretrained as Network
from modelworks.stages.learn.networks.gpt import GPT

TASK = tasks.find("text-generation")
SMALL = Compact(layers=2, width=32, heads=2, context=16, before=2, dropout=0.0)
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def checkpoint(folder: Path, kind: str) -> Source:
    """A tiny checkpoint as a hub has it, with a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    folder.mkdir()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator([example.input.text for example in TASK.example()], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    size = tokenizer.get_vocab_size()
    torch.manual_seed(0)
    if kind == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=32))
    else:
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=size, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=32, tie_word_embeddings=True,
            )
        )  # fmt: skip
    model.save_pretrained(folder)
    settings = {"eos_token": "<|end|>", "bos_token": "<|end|>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return Source(name=kind, folder=folder)


@pytest.fixture(scope="module", params=["compact", "gpt2", "llama"])
def made(request, tmp_path_factory):
    """(front, module, options, folder) of each sort of network, with weights that say something."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp(request.param)
    compact = request.param == "compact"
    source = Source(name="compact") if compact else checkpoint(folder / "model", request.param)
    options = SMALL if compact else Pretrained(context=32, rank=2)
    front = FAMILY.prepare(TASK.example(), source, options, folder)
    torch.manual_seed(1)
    module = FAMILY.build(front, [], options, folder)
    if not compact:
        FAMILY.load(module, source)
    for parameter in module.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    return front, module.eval(), options, folder


def cache_of(front) -> Cache:
    import msgspec

    return msgspec.convert(front.body.after[-1].params["cache"], Cache)


def run_of(module):
    def run(feeds):
        with torch.inference_mode():
            left = module(**{name: torch.from_numpy(array) for name, array in feeds.items()})
        return {name: value.float().numpy() for name, value in left.items()}

    return run


def rows(front, folder):
    interpreter = Interpreter(
        TASK.program([], front.body), {"model": lambda feeds: {}}, open_resources(folder, front.resources),
        input="prompt", prediction="completion",
    )  # fmt: skip
    examples = TASK.example()
    variables = interpreter.rowwise([example.input for example in examples])
    return [{**row, **TASK.encode(e.target, row, [])} for e, row in zip(examples, variables, strict=True)]


def test_token_by_token_says_what_one_pass_says(made):
    front, module, _, _ = made
    ids = np.random.default_rng(0).integers(1, 60, 12)
    with torch.inference_mode():
        whole = module(input_ids=torch.from_numpy(ids)[None])["logits"][0].numpy()
    decoder = Cached(run_of(module), cache_of(front))
    handle = decoder.open()
    stepped = [decoder.scores(handle, ids[:5]), *(decoder.scores(handle, ids[i : i + 1]) for i in range(5, 12))]
    assert np.abs(np.concatenate(stepped) - whole).max() < 1e-4
    assert np.ptp(whole) > 0.1


def test_the_exported_graph_says_what_the_network_says(made, tmp_path):
    front, module, options, folder = made
    again = FAMILY.build(front, [], options, folder)
    again.load_state_dict(module.state_dict())
    (entry,) = FAMILY.export(again, tmp_path)
    ours, theirs = (
        Cached(run, cache_of(front)) for run in (run_of(module), ENGINE(tmp_path / entry.file, entry, Runtime()))
    )
    ids = np.random.default_rng(1).integers(1, 60, 9)
    one, two = ours.open(), theirs.open()
    for part in (ids[:6], ids[6:7], ids[7:]):
        assert np.abs(ours.scores(one, part) - theirs.scores(two, part)).max() < 1e-3


def test_it_learns_a_text_by_heart(made):
    front, module, options, folder = made
    batch = FAMILY.collate(FAMILY.numericalize(rows(front, folder)[:4], front, folder), front)
    again = FAMILY.build(front, [], options, folder)
    again.load_state_dict(module.state_dict())
    groups = FAMILY.groups(again, options)
    for group in groups:
        group["lr"] = 0.02
    optimizer = FAMILY.optimizer([group for group in groups if group["params"]])
    losses = []
    for _ in range(40):
        loss = FAMILY.loss(again(input_ids=batch["input_ids"]), batch, options)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    # a frozen network of random weights can be bent only so far
    assert losses[-1] < (0.7 if options is SMALL else 0.99) * losses[0]


def test_what_is_read_is_what_comes_before_what_is_said(made):
    front, _, _, folder = made
    (row, *_) = FAMILY.numericalize(rows(front, folder)[:1], front, folder)
    batch = FAMILY.collate([row], front)
    params = front.body.after[-1].params
    read, said = batch["input_ids"][0], batch["labels"][0]
    assert read[: len(params["first"])].tolist() == params["first"]
    assert np.array_equal(read[1:].numpy(), said[:-1].numpy())
    assert row["ids"][-1] == params["ends"][0] or len(row["ids"]) == 2 * params["cache"]["context"]


def test_long_rows_are_cut_and_nothing_is_lost():
    front = type("F", (), {"body": type("B", (), {"after": (type("C", (), {"params": {
        "cache": {"context": 8}, "first": [0], "ends": [0]}}),)})})()  # fmt: skip
    ids = np.arange(1, 42)
    pieces = FAMILY.numericalize([{"ids": ids, "labels": ids, "whole": np.int64(0)}], front, Path())
    assert {int(i) for piece in pieces for i in piece["ids"]} == set(ids.tolist())
    assert all(len(piece["ids"]) <= 16 for piece in pieces)


def test_adapters_change_nothing_until_they_learn_and_merge_exactly():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4))
    x = torch.randn(3, 6)
    before = model(x)
    lora.adapt(model, rank=2, alpha=4.0, dropout=0.0)
    assert torch.equal(model(x), before)
    trained = [p for p in model.parameters() if p.requires_grad]
    assert sum(p.numel() for p in trained) == 2 * (6 + 5) + 2 * (5 + 4)
    for parameter in trained:
        torch.nn.init.normal_(parameter)
    changed = model(x)
    lora.merge(model)
    assert not any(isinstance(part, lora.Adapted) for part in model.modules())
    assert torch.allclose(model(x), changed, atol=1e-5)
    assert not torch.allclose(changed, before)


@pytest.mark.parametrize("native", [True, False])
def test_muon_makes_updates_orthogonal_in_the_type_that_the_processor_has(native, monkeypatch):
    monkeypatch.setattr(muon, "fast_math", lambda where: native)
    made = newton_schulz(torch.randn(24, 16))
    assert made.dtype == (torch.bfloat16 if native else torch.float32)
    made = made.float()
    assert torch.linalg.svdvals(made).min() > 0.4
    assert torch.linalg.svdvals(made).max() < 1.6
    matrix, gain = torch.nn.Parameter(torch.zeros(4, 4)), torch.nn.Parameter(torch.zeros(4))
    optimizer = Muon([{"params": [matrix], "lr": 0.1, "muon": True}, {"params": [gain], "lr": 0.1}])
    (matrix.sum() + gain.sum()).backward()
    optimizer.step()
    assert torch.allclose(gain, torch.full((4,), -0.1), atol=1e-4)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    optimizer.step()


def test_a_checkpoints_chat_template_writes_the_messages(tmp_path):
    source = checkpoint(tmp_path / "model", "gpt2")
    front = FAMILY.prepare(TASK.example(), source, Pretrained(context=32), tmp_path)
    network = Network(json.loads((tmp_path / "model" / "config.json").read_text()))
    interpreter = Interpreter(
        TASK.program([], front.body), {"model": run_of(network.eval())}, open_resources(tmp_path, front.resources),
        input="prompt", prediction="completion",
    )  # fmt: skip
    said = (Message("user", "Speak, speak."),)
    (answer,) = interpreter.run([Prompt(messages=said, sampling=Sampling(max_tokens=3, temperature=0, echo=True))])
    assert answer.text.startswith("<|user|>Speak, speak.\n<|assistant|>")
    assert 1 <= answer.usage.completion_tokens <= 3
    whole = (*said, Message("assistant", "So be it."))
    (row,) = interpreter.rowwise([Prompt(messages=whole)])
    assert row["prompt"] == "<|user|>Speak, speak.\n<|assistant|>So be it."


@pytest.mark.parametrize("units", ["characters", "bytes", "subwords"])
@pytest.mark.parametrize("text", ["First Citizen:\nSpeak.", "tab\there \r\n\n two  blanks", "😀 ñ 日本語"])
def test_tokens_add_up_to_the_text(units, text, tmp_path):
    from modelworks.ops._pieces import spelled
    from modelworks.stages.learn import causal_fronts

    known = causal_fronts.train_tokenizer(TASK.example(), units, 280, tmp_path)
    (tokenizer,) = open_resources(tmp_path, [causal_fronts.TOKENIZER]).values()
    encoded = tokenizer.encode(text, add_special_tokens=False)
    assert all(0 <= token < known for token in encoded.ids)
    covered = {place for start, end in encoded.offsets for place in range(start, end)}
    assert covered == set(range(len(text)))
    if units != "characters":
        assert b"".join(spelled(tokenizer)[token] for token in encoded.ids).decode() == text


def test_a_gpt_keeps_no_state_it_was_not_given():
    network = GPT(9, layers=1, width=8, heads=2, context=8, before=2, dropout=0.0)
    assert set(network(torch.zeros(1, 3, dtype=torch.long))) == {"logits"}
