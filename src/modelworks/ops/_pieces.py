"""What tokens spell: their bytes, and text that grows by them."""

from __future__ import annotations

import codecs
import json
import re
from functools import lru_cache
from typing import Any

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_MARK = "\u2581"
"""SentencePiece's blank."""


@lru_cache(maxsize=8)
def spelled(tokenizer: Any) -> list[bytes]:
    """The UTF-8 bytes of each token of a `tokenizers.Tokenizer`; none for special tokens, which are no text."""
    kind = json.dumps(json.loads(tokenizer.to_str()).get("decoder") or {})
    special = {token for token, added in tokenizer.get_added_tokens_decoder().items() if added.special}
    plain = {token: added.content for token, added in tokenizer.get_added_tokens_decoder().items()}
    names = [tokenizer.id_to_token(token) or "" for token in range(tokenizer.get_vocab_size())]
    spell = _byte_level if "ByteLevel" in kind else _sentence_piece if _MARK in kind else str.encode
    return [
        b"" if token in special else plain[token].encode() if token in plain else spell(name)
        for token, name in enumerate(names)
    ]


def _byte_level(name: str) -> bytes:
    table = _byte_table()
    return bytes(table[character] for character in name if character in table)


@lru_cache(maxsize=1)
def _byte_table() -> dict[str, int]:
    """GPT-2's letters for bytes (Radford et al. 2019): printable Latin-1 as it is, others from U+0100 on."""
    known = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in known]
    return {chr(byte): byte for byte in known} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


def _sentence_piece(name: str) -> bytes:
    found = _BYTE.fullmatch(name)
    return bytes([int(found[1], 16)]) if found else name.replace(_MARK, " ").encode()


class Growing:
    """Text that grows by bytes; broken UTF-8 becomes U+FFFD."""

    def __init__(self) -> None:
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def pending(self) -> bool:
        """Whether a character has begun that is not whole."""
        return bool(self._decoder.getstate()[0])

    def push(self, data: bytes) -> tuple[int, int]:
        """Append; code points [start, end) of the text that the bytes are, or are part of."""
        start = len(self.text)
        self.text += self._decoder.decode(data)
        return start, len(self.text) + self.pending

    def finish(self) -> None:
        """No more bytes come."""
        self.text += self._decoder.decode(b"", final=True)
