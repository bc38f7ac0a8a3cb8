"""Body: the part of a program that a *family* brings: from the task's raw variables to the network's answer.

A task's `program(labels, body)` wraps it: variables of the input kind -> body -> post-operations -> prediction.
So one task works with any family of its shape, and one family serves any task of that shape.

- `sequence` reads `text`, leaves `logits` float32 [B, C].
- `token` reads `text` and `given` (offsets of given tokens; none for a text without), leaves `logits`, a list of
  float32 [T, C], and `units`, a list of int32 [T, 2]: the code points [start, end) of each unit (word or token).
- `sentences` reads `text` and `units`, a list of int32 [S, 2]: the code points of its sentences; leaves `logits`, a
  list of float32 [S, 1].
- `image` reads `image`, leaves `logits` float32 [B, C].
- `seq2seq` reads `text`, leaves the columns of the prediction `written`: `written`, a list of texts, `candidates` and
  `alignments`, lists of lists of plain data (`generate.beam.v1`).
- `span` reads `question` and `context`, leaves `logits`, a list of float32 [T, 2]: an answer begins, ends in a unit of
  the context; `nothing`, a list of float32 [2]: the same of "no answer"; and `units` as `token` does.
- `embedding` reads `text`, leaves `vectors` float32 [B, D] of length 1.
- `tree` reads `text` and `given` (as `token` does; they are its words), leaves what `tree.assemble.v1` takes, each a
  list with one item a text: `tokens` int [T, 3] (code points start and end, number of words), `sentences` int [S]
  (number of tokens), and for the words `forms`, `lemmas` (lists of str), `upos`, `xpos`, `feats`, `deprel` (int [W],
  numbers among the classes of their layer), `heads` int [W] (0 the root, else 1..n in the sentence).
- `causal` reads `text`, `messages` and `sampling` (kinds.Sampling), leaves what kinds.Completion holds, each a list:
  `written` (str), `finish_reason`, `usage`, `tokens`, `choices`; and row-wise `units` int32 [T, 2]: the code points
  of each token of the `prompt` (str), the text that is gone on with.
"""

from __future__ import annotations

from msgspec import Struct

from modelworks.contracts.program import Call

READS = {
    "seq2seq": ("text",),
    "sequence": ("text",),
    "token": ("text", "given"),
    "image": ("image",),
    "span": ("question", "context"),
    "embedding": ("text",),
    "causal": ("text", "messages", "sampling"),
    "sentences": ("text", "units"),
    "tree": ("text", "given"),
}
LEAVES = {
    "seq2seq": ("written", "candidates", "alignments"),
    "sequence": ("logits",),
    "token": ("logits", "units"),
    "image": ("logits",),
    "span": ("logits", "nothing", "units"),
    "embedding": ("vectors",),
    "causal": ("prompt", "units", "written", "finish_reason", "usage", "tokens", "choices"),
    "sentences": ("logits",),
    "tree": ("tokens", "sentences", "forms", "lemmas", "upos", "xpos", "feats", "heads", "deprel"),
}


class Body(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Calls between the input's variables and the promised ones."""

    shape: str
    before: tuple[Call, ...]
    """Row-wise operations: they also prepare training, so training and serving see the same numbers."""
    after: tuple[Call, ...]
    """Batching operations and the graph."""
    length: str | None = None
    """The row-wise variable that tells a row's cost."""

    @property
    def calls(self) -> tuple[Call, ...]:
        return self.before + self.after
