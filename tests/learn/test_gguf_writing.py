"""Fine-tuned checkpoints as GGUF files: what stands in them, what is refused, that llama.cpp goes on as torch does."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("gguf")
sys.path.insert(0, str(Path(__file__).parent))
import torch
from learn_fixtures import dataset, work
from test_causal import TEMPLATE, checkpoint

from modelworks.bundle import gguf as reading
from modelworks.cli import bundle as bundle_command
from modelworks.core.errors import BundleError, StepError
from modelworks.kinds import Prompt, Sampling
from modelworks.stages import learn
from modelworks.stages.learn import checkpoint as checkpoints
from modelworks.stages.learn import gguf
from modelworks.stages.learn.families.causal import FAMILY
from modelworks.stages.learn.networks import lora

TASK = "text-generation"


def trained(root: Path, kind: str) -> Path:
    """A checkpoint whose adapters have learnt something."""
    dataset(root / "data", TASK)
    checkpoint(root / "model", kind)
    options = {"context": 32, "rank": 2, "epochs": 4, "learning_rate": 0.02, "threads": 1, "fast_math": False}
    wish = {"model": "model", "budget": "1h", "options": options}
    learn.train(work(root, "checkpoint", {"dataset": root / "data"}, {"task": TASK, "train": wish}))
    return root / "checkpoint"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("llama"), "llama")


def merged(folder: Path):
    module = checkpoints.module(folder, checkpoints.read(folder), FAMILY)
    lora.merge(module)
    return module


def test_the_file_says_what_the_checkpoint_is(llama: Path, tmp_path: Path) -> None:
    gguf.write(llama, tmp_path / "tiny.gguf", "f32")
    known = reading.metadata(tmp_path / "tiny.gguf")
    assert known["general.architecture"] == "llama"
    assert (known["llama.block_count"], known["llama.attention.head_count_kv"]) == (2, 2)
    assert known["tokenizer.ggml.pre"] == "gpt-2"
    template = reading.template(known)
    assert template is not None
    assert template["template"] == TEMPLATE
    params = checkpoints.read(llama).front.body.after[-1].params
    assert reading.edges(known) == {"first": [], "ends": params["ends"]}
    text = "Es war einmal… 12 x"
    from tokenizers import Tokenizer

    ours = Tokenizer.from_file(str(llama / "resources/tokenizer.json")).encode(text).ids
    assert reading.tokenizer(known).encode(text).ids == ours


def test_the_weights_are_the_merged_ones(llama: Path, tmp_path: Path) -> None:
    from gguf import GGUFReader

    module = merged(llama).model
    first = module.model.layers[0].self_attn
    sizes = {}
    for kind in gguf.TYPES:
        path = tmp_path / f"{kind}.gguf"
        gguf.write(llama, path, kind)
        tensors = {one.name: one for one in GGUFReader(path).tensors}
        sizes[kind] = path.stat().st_size
        assert tensors["blk.0.attn_norm.weight"].tensor_type.name == "F32"
        assert tensors["blk.0.attn_v.weight"].tensor_type.name == kind.upper()
        assert "output.weight" not in tensors, "tied to the embeddings"
    assert sizes["q8_0"] < sizes["f16"] == sizes["bf16"] < sizes["f32"]
    tensors = {one.name: one for one in GGUFReader(tmp_path / "f32.gguf").tensors}
    assert np.array_equal(tensors["blk.0.attn_v.weight"].data, first.v_proj.weight.detach().numpy())
    query = first.q_proj.weight.detach().numpy()
    assert np.array_equal(tensors["blk.0.attn_q.weight"].data[:3], query[[0, 4, 1]]), "halves become neighbours"


@pytest.mark.parametrize("change", [{"model_type": "mamba"}, {"rope_parameters": {"rope_type": "yarn"}}])
def test_what_cannot_be_written_is_told(llama: Path, tmp_path: Path, change: dict) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in llama.iterdir():
        (copy / path.name).symlink_to(path)
    facts = json.loads((llama / "network.json").read_text())
    (copy / "network.json").unlink()
    (copy / "network.json").write_text(json.dumps({"config": {**facts["config"], **change}}))
    with pytest.raises(StepError, match="cannot be written as GGUF"):
        gguf.write(copy, tmp_path / "x.gguf")
    assert not (tmp_path / "x.gguf").exists()


def test_an_unknown_tokenizer_is_told(llama: Path) -> None:
    from tokenizers import Tokenizer, pre_tokenizers

    tokenizer = Tokenizer.from_file(str(llama / "resources/tokenizer.json"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(BundleError, match="is not known"):
        reading.split_of(tokenizer.to_str())


def test_llama_cpp_goes_on_as_torch_does(llama: Path, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama.cpp is not installed: pip install 'modelworks[gguf]'")
    from modelworks.bundle import Predictor

    asked = [str(tmp_path / "tiny.gguf"), "--checkpoint", str(llama), "--type", "f32", "-o", str(tmp_path / "bundle")]
    found = CliRunner().invoke(bundle_command.command, ["gguf", *asked, "--json"], catch_exceptions=False)
    facts = json.loads(found.output)
    predictor = Predictor.open(tmp_path / "bundle")
    assert predictor.manifest.id == facts["id"]
    module = merged(llama)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(llama / "resources/tokenizer.json"))
    for text in ("Ada", "Once upon", "the rain"):
        ids = tokenizer.encode(text).ids
        likely = []
        with torch.inference_mode():
            for _ in range(12):
                logits = module(input_ids=torch.tensor([ids]))["logits"][0, -1].log_softmax(-1)
                likely.append(float(logits.max()))
                ids.append(int(logits.argmax()))
        (answer,) = predictor.predict([Prompt(text, sampling=Sampling(max_tokens=12, temperature=0, logprobs=0))])
        count = len(answer.tokens)
        assert count >= 1
        assert answer.text == tokenizer.decode(ids[-12:][:count], skip_special_tokens=True)
        assert [token.logprob for token in answer.tokens] == pytest.approx(likely[:count], abs=0.02)
