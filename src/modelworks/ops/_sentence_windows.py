"""Windows of whole sentences for networks that see a limited number of subwords at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FARTHEST = 39
"""Places beyond it, from either end of the text, look alike."""
_FOURS = 4
"""Lengths are multiples of it (docs/decisions/0003-same-bytes.md)."""


class Window(NamedTuple):
    """Sentences [start, end) of a row."""

    row: int
    start: int
    end: int


def cut(row: int, owners: np.ndarray, count: int, room: int) -> list[Window]:
    """Windows of at most `room` subwords and sentence ends, each beginning in the middle of the one before; at least
    one sentence each. `owners` [T] is the sentence of each subword, of `count`."""
    sizes = np.bincount(owners, minlength=count) + 1
    ends = np.concatenate([[0], np.cumsum(sizes)])
    windows: list[Window] = []
    start = 0
    while True:
        end = max(start + 1, int(np.searchsorted(ends, ends[start] + room, side="right")) - 1)
        windows.append(Window(row, start, min(end, count)))
        if end >= count:
            return windows
        start += max(1, (end - start + 1) // 2)


def frame(
    windows: Sequence[Window], ids: Sequence[np.ndarray], owners: Sequence[np.ndarray], counts: Sequence[int], *,
    first: int | None, last: int | None, pad: int, size: int,
) -> dict[str, np.ndarray]:  # fmt: skip
    """The feeds of a batch of windows:

    - `input_ids` int64 [B, T]: `first`, then each sentence and `last`, cut at `size`;
    - `attention_mask` int64 [B, T];
    - `owners` int64 [B, T]: the window's sentence that a position belongs to, -1 for none;
    - `places` int64 [B, S, 2]: how many sentences of the text lie before and behind, at most `FARTHEST`."""
    rows = [_framed(window, ids[window.row], owners[window.row], first, last, size) for window in windows]
    length = _fours(max(len(row) for row, _ in rows))
    most = _fours(max(window.end - window.start for window in windows))
    feeds = {
        "input_ids": np.full((len(rows), length), pad, dtype=np.int64),
        "attention_mask": np.zeros((len(rows), length), dtype=np.int64),
        "owners": np.full((len(rows), length), -1, dtype=np.int64),
        "places": np.zeros((len(rows), most, 2), dtype=np.int64),
    }
    for number, (window, (row, parts)) in enumerate(zip(windows, rows, strict=True)):
        feeds["input_ids"][number, : len(row)] = row
        feeds["attention_mask"][number, : max(1, len(row))] = 1
        feeds["owners"][number, : len(row)] = parts
        before = np.arange(window.start, window.end)
        places = np.stack([before, counts[window.row] - 1 - before], axis=1)
        feeds["places"][number, : len(before)] = np.minimum(places, FARTHEST)
    return feeds


def _framed(
    window: Window, ids: np.ndarray, owners: np.ndarray, first: int | None, last: int | None, size: int
) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.searchsorted(owners, (window.start, window.end))
    inner, parts = ids[a:b], owners[a:b] - window.start
    if last is not None:
        numbers = np.arange(window.end - window.start)
        behind = np.searchsorted(parts, numbers, side="right")
        inner, parts = np.insert(inner, behind, last), np.insert(parts, behind, numbers)
    if first is not None:
        inner, parts = np.insert(inner, 0, first), np.insert(parts, 0, -1)
    return inner[:size], parts[:size]


def _fours(count: int) -> int:
    return -(-max(1, count) // _FOURS) * _FOURS


def nearest(windows: Sequence[Window], count: int) -> np.ndarray:
    """For each of a row's sentences the position in `windows` of the one whose nearer edge is farthest; int64 [S]."""
    at = np.arange(count)
    depth = np.full((len(windows), count), -1)
    for number, window in enumerate(windows):
        inside = at[window.start : window.end]
        left = inside - window.start if window.start else np.full(len(inside), count)
        right = window.end - 1 - inside if window.end < count else np.full(len(inside), count)
        depth[number, window.start : window.end] = np.minimum(left, right)
    return np.asarray(depth.argmax(axis=0))
