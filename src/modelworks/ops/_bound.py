"""Text that obeys a grammar or a JSON Schema: at each step the tokens that may come, by llguidance."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np

from modelworks.core.errors import RequestError
from modelworks.kinds import Sampling
from modelworks.ops._pieces import spelled


class Bound:
    """What a text may go on with."""

    def __init__(self, grammar: str, tokenizer: Any, end: int) -> None:
        from llguidance import LLMatcher
        from llguidance import numpy as masks

        known = _known(tokenizer, end)
        self._masks, self._size = masks, known.vocab_size
        self._matcher = LLMatcher(known, grammar)
        self._bits = masks.allocate_token_bitmask(1, self._size)
        if self._matcher.is_error():
            raise RequestError(
                "the grammar cannot be used", where="sampling", status=422, seen=self._matcher.get_error()
            )

    def allowed(self, count: int) -> np.ndarray:
        """Bool [count]: which of the model's tokens may come."""
        self._masks.fill_next_token_bitmask(self._matcher, self._bits)
        bits = np.unpackbits(self._bits[0].view(np.uint8), bitorder="little")[: self._size].astype(bool)
        return np.pad(bits, (0, max(0, count - len(bits))))[:count]

    def push(self, token: int) -> None:
        """A token was written."""
        self._matcher.consume_token(token)

    @property
    def over(self) -> bool:
        """Whether nothing may follow."""
        return bool(self._matcher.is_stopped())


def bound(sampling: Sampling, tokenizer: Any, end: int | None) -> Bound | None:
    """What the sampling parameters ask for; None where they ask for nothing."""
    if sampling.grammar is None and sampling.json_schema in (None, False):
        return None
    if end is None:
        raise RequestError("this model cannot end a text, so it cannot obey a grammar", where="sampling", status=422)
    try:
        from llguidance import LLMatcher
    except ImportError as error:
        raise RequestError(
            "bound output needs llguidance", where="sampling", status=501, hint="pip install 'modelworks[generation]'"
        ) from error
    try:
        if sampling.grammar is not None:
            return Bound(LLMatcher.grammar_from_lark(sampling.grammar), tokenizer, end)
        schema: Any = {} if sampling.json_schema is True else sampling.json_schema
        return Bound(LLMatcher.grammar_from_json_schema(json.dumps(schema)), tokenizer, end)
    except ValueError as error:
        raise RequestError("the grammar cannot be used", where="sampling", status=422, seen=str(error)) from error


@lru_cache(maxsize=4)
def _known(tokenizer: Any, end: int) -> Any:
    from llguidance import LLTokenizer, TokenizerWrapper

    return LLTokenizer(TokenizerWrapper(_Spelled(tokenizer, end)))


class _Spelled:
    """What llguidance asks of a tokenizer."""

    def __init__(self, tokenizer: Any, end: int) -> None:
        self._tokenizer = tokenizer
        words = spelled(tokenizer)
        self.eos_token_id, self.bos_token_id = end, None
        self.special_token_ids = [token for token, word in enumerate(words) if not word]
        self.tokens = [word or f"<|{token}|>".encode() for token, word in enumerate(words)]

    def __call__(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids
