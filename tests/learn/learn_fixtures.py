"""Tiny pretrained models and datasets, made on the spot."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from modelworks.contracts import task as tasks
from modelworks.contracts.step import Work
from modelworks.core.progress import Silent
from modelworks.dataset import create

ALPHABET = "abcdefghijklmnopqrstuvwxyzäöüß0123456789.,!?;:'@#-"


def tiny_text_model(folder: Path) -> Path:
    """A two-layer BERT with random weights and a character-level WordPiece tokenizer, as a hub folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ALPHABET, *(f"##{c}" for c in ALPHABET)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def tiny_vision_model(folder: Path, kind: str = "resnet") -> Path:
    """A small ResNet or ViT with random weights, as a hub folder."""
    import torch
    from transformers import ResNetConfig, ResNetModel, ViTConfig, ViTModel

    torch.manual_seed(0)
    if kind == "vit":
        size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        ViTModel(ViTConfig(**size, image_size=32, patch_size=8)).save_pretrained(folder)
    else:
        config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", image_size=48)
        ResNetModel(config).save_pretrained(folder)
    shown = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    (folder / "preprocessor_config.json").write_text(json.dumps(shown))
    return folder


def dataset(folder: Path, task_name: str) -> Path:
    """The task's own examples as a dataset artifact; dev holds the same as train."""
    task = tasks.find(task_name)
    examples = [
        replace(example, split=split, id=f"{split}-{example.id}")
        for split in ("train", "dev")
        for example in task.example()
    ]
    create(folder, examples, input=task.input, target=task.target)
    return folder


def work(root: Path, output: str, inputs: dict[str, Path], params: dict[str, object], progress: object = None) -> Work:
    """A Work whose folders lie under `root`."""
    for name in ("scratch", "cache", output):
        (root / name).mkdir(parents=True, exist_ok=True)
    return Work(
        inputs=inputs, params=params, output=root / output, scratch=root / "scratch", cache=root / "cache",
        project=root, progress=progress or Silent(),  # type: ignore[arg-type]
    )  # fmt: skip
