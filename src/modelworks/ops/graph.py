"""Running a graph more than once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.op import Tools, op

_TOGETHER = 16
"""Windows of long rows that run as one batch (more when more rows came)."""


@op("graph.windows.v1")
def windows(
    tools: Tools, *inputs: Sequence[np.ndarray], feeds: Sequence[str], size: int, stride: int, graph: str = "model",
    output: str = "logits", mask: str | None = None, first: Sequence[int] | None = None,
    last: Sequence[int] | None = None, pad: Sequence[int] | None = None, multiple: int = 1,
) -> list[np.ndarray]:  # fmt: skip
    """Run a token graph over rows of any length; float32 [T, C] for each row, special positions left out.

    `inputs` are row-wise lists of arrays [T] or [T, F], fed under the names `feeds`. A row over `size` positions
    (special ones included) is cut into windows that begin every `stride` positions, the last one moved back so that
    it is full; each position takes the window in which its nearer edge is farthest. Windows run in batches of like
    length; rows that all fit run as the one batch they are. `first` and `last` hold for each feed the id put before
    and after a window (`[CLS]`, `[SEP]`), `pad` the filling (0), `mask` names the graph's int64 input of ones and
    zeros. Windows are filled up to a length that `multiple` divides, as in `batch.pad.v1`."""
    before, after = int(first is not None), int(last is not None)
    room = size - before - after
    if room < 1 or not 1 <= stride <= room:
        raise ValueError(f"size {size} leaves {room} positions for windows that begin every {stride}")
    lengths = [len(row) for row in inputs[0]]
    cuts = [(row, a, b) for row, length in enumerate(lengths) for a, b in _cuts(length, room, stride)]
    edges = [(pad[i] if pad else 0, first[i] if first else None, last[i] if last else None) for i in range(len(feeds))]
    pieces: list[np.ndarray] = [np.empty(0)] * len(cuts)
    for group in _groups(cuts, len(lengths)):
        taken = [cuts[index] for index in group]
        arrays = {
            name: _feed([values[row][a:b] for row, a, b in taken], *edge, multiple)
            for name, values, edge in zip(feeds, inputs, edges, strict=True)
        }
        if mask:
            arrays[mask] = _mask([b - a + before + after for _, a, b in taken], multiple)
        logits = tools.run(graph, arrays)[output]
        for place, index in enumerate(group):
            pieces[index] = logits[place, before : before + taken[place][2] - taken[place][1]]
    return _stitch(cuts, pieces, len(lengths))


def _cuts(length: int, room: int, stride: int) -> list[tuple[int, int]]:
    if length <= room:
        return [(0, length)]
    starts = [*range(0, length - room, stride), length - room]
    return [(start, start + room) for start in starts]


def _groups(cuts: list[tuple[int, int, int]], rows: int) -> list[list[int]]:
    """Indices of windows that run together."""
    if len(cuts) == rows:
        return [list(range(rows))] if rows else []
    order = sorted(range(len(cuts)), key=lambda index: cuts[index][2] - cuts[index][1])
    together = max(rows, _TOGETHER)
    return [order[n : n + together] for n in range(0, len(order), together)]


def _feed(rows: list[np.ndarray], pad: int, first: int | None, last: int | None, multiple: int) -> np.ndarray:
    before, after = int(first is not None), int(last is not None)
    longest = _filled(max(len(row) for row in rows) + before + after, multiple)
    batch = np.full((len(rows), longest, *rows[0].shape[1:]), pad, dtype=rows[0].dtype)
    if first is not None:
        batch[:, 0] = first
    for place, row in zip(batch, rows, strict=True):
        end = before + len(row)
        place[before:end] = row
        if last is not None:
            place[end] = last
    return batch


def _filled(length: int, multiple: int) -> int:
    return -(-max(length, 1) // multiple) * multiple


def _mask(lengths: list[int], multiple: int) -> np.ndarray:
    # A row with nothing in it still attends to its filling: a softmax over no position is not a number.
    ends = np.maximum(np.array(lengths), 1)
    return np.asarray(np.arange(_filled(int(ends.max()), multiple)) < ends[:, None], dtype=np.int64)


def _stitch(cuts: list[tuple[int, int, int]], pieces: list[np.ndarray], rows: int) -> list[np.ndarray]:
    """One array a row. Windows of a row have one length, so the nearer edge is farther on its own side of the middle
    of an overlap."""
    whole: list[list[np.ndarray]] = [[] for _ in range(rows)]
    for index, (row, start, end) in enumerate(cuts):
        begin = start
        if whole[row]:
            begin = (start + cuts[index - 1][2]) // 2
        if index + 1 < len(cuts) and cuts[index + 1][0] == row:
            end = (cuts[index + 1][1] + end) // 2
        whole[row].append(pieces[index][begin - start : end - start])
    return [parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in whole]
