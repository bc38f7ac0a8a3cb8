"""Tags of words as stretches of words: IOB1, IOB2, BIOES, BILOU."""

from __future__ import annotations

import re
from collections.abc import Sequence

TAG = re.compile(r"O|[BIESLU]-\S.*")


def chunks(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first word, word behind the last, label) of each stretch of a tagged sentence.

    B, S and U begin a stretch; E, L, S and U end one; I continues an open one of its label and else begins one, which
    is how IOB1 writes and how conlleval reads every scheme. Raises ValueError for what is no tag."""
    found: list[tuple[int, int, str]] = []
    begin, label = -1, ""
    for number, tag in enumerate((*tags, "O")):
        if not TAG.fullmatch(tag):
            raise ValueError(f"{tag!r} is no tag (allowed: O, or B- I- E- S- L- U- and a label)")
        prefix, _, name = tag.partition("-")
        if begin >= 0 and (prefix in "OBSU" or name != label):
            found.append((begin, number, label))
            begin = -1
        if prefix != "O" and begin < 0:
            begin, label = number, name
        if prefix in "ELSU" and prefix != "O" and begin >= 0:
            found.append((begin, number + 1, label))
            begin = -1
    return found
