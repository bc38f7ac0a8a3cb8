"""Maximum spanning trees with exactly one root (Chu & Liu 1965; Edmonds 1967; Zmigrod, Vieira & Cotterell 2020)."""

from __future__ import annotations

import numpy as np

_HUGE = 1e100


def mst(scores: np.ndarray) -> np.ndarray:
    """Heads int64 [n] of the tree over words 1..n with the highest sum of scores and exactly one word under the root.

    `scores` [n+1, n+1] = [dependent, head]; row 0 and the diagonal are not read, column 0 is the root's. Scores that
    are not numbers count as the lowest."""
    n = len(scores) - 1
    if n <= 0:
        return np.empty(0, dtype=np.int64)
    clean = _clean(scores)
    heads = _greedy(clean)
    if _is_tree(heads):
        return heads[1:]
    # One root and no other: an edge from the root that costs more than any tree can differ in is taken only once.
    finite = clean[1:][np.isfinite(clean[1:])]
    clean[1:, 0] -= (finite.max() - finite.min() + 1.0) * (n + 1)
    return _edmonds(clean)[1:]


def decode(scores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Heads int64 [B, n] of sentences of unlike lengths from scores [B, n+1, n+1]; 0 in the filling.

    Greedy heads of the whole batch are checked at once; only sentences where they make no tree are decoded one by
    one."""
    batch, size = scores.shape[0], scores.shape[1]
    steps = np.arange(size)
    inside = steps < np.asarray(lengths)[:, None] + 1
    masked = np.where(inside[:, None, :] & (steps[:, None] != steps), np.nan_to_num(scores, nan=-np.inf), -np.inf)
    heads = np.where(inside, masked.argmax(axis=2), 0)
    heads[:, 0] = 0
    for row in np.flatnonzero(~_are_trees(heads, inside)).tolist():
        n = int(lengths[row])
        heads[row, 1 : n + 1] = mst(scores[row, : n + 1, : n + 1])
    return np.asarray(heads[:, 1:].reshape(batch, size - 1), dtype=np.int64)


def _are_trees(heads: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Bool [B]: does every word reach the root, and is only one under it? By doubling: log2(n) steps."""
    above = heads.copy()
    for _ in range(max(1, int(heads.shape[1]).bit_length())):
        above = np.take_along_axis(above, above, axis=1)
    roots = ((heads == 0) & inside)[:, 1:].sum(axis=1)
    return np.asarray((above == 0).all(axis=1) & (roots == 1))


def _clean(scores: np.ndarray) -> np.ndarray:
    """Float64 scores relative to each dependent's best (which changes no tree's rank, and keeps sums exact), the
    numbers that are none below all others. No word heads itself or the root."""
    clean = np.clip(np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=-_HUGE), -_HUGE, _HUGE)
    np.fill_diagonal(clean, -np.inf)
    clean[1:] -= clean[1:].max(axis=1, keepdims=True)
    return clean


def _greedy(scores: np.ndarray) -> np.ndarray:
    heads: np.ndarray = scores.argmax(axis=1)
    heads[0] = 0
    return heads


def _is_tree(heads: np.ndarray) -> bool:
    inside = np.ones((1, len(heads)), dtype=bool)
    return bool(_are_trees(heads[None], inside)[0])


def _edmonds(scores: np.ndarray) -> np.ndarray:
    """Heads of the best tree (any number of words under node 0); scores [m, m] = [dependent, head]."""
    heads = _greedy(scores)
    cycle = _cycle(heads)
    if cycle is None:
        return heads
    inside = np.zeros(len(scores), dtype=bool)
    inside[cycle] = True
    outside = np.flatnonzero(~inside)
    gain = scores[cycle] - scores[cycle, heads[cycle]][:, None]  # what entering the circle at a node costs
    into = gain[:, outside]  # [c, o]: a node of the circle under a node outside
    out = scores[np.ix_(outside, cycle)]  # [o, c]: a node outside under one of the circle
    entered, left = into.argmax(axis=0), out.argmax(axis=1)
    m = len(outside)
    smaller = np.full((m + 1, m + 1), -np.inf)
    smaller[:m, :m] = scores[np.ix_(outside, outside)]
    smaller[m, :m] = into[entered, np.arange(m)]
    smaller[:m, m] = out[np.arange(m), left]
    found = _edmonds(smaller)
    broken = cycle[entered[found[m]]]
    heads[broken] = outside[found[m]]
    for place, head in enumerate(found[:m].tolist()):
        if outside[place] != 0:
            heads[outside[place]] = cycle[left[place]] if head == m else outside[head]
    return heads


def _cycle(heads: np.ndarray) -> np.ndarray | None:
    """Nodes of a circle, or None."""
    seen = np.zeros(len(heads), dtype=np.int64)
    for start in range(1, len(heads)):
        node = start
        while node and not seen[node]:
            seen[node] = start
            node = int(heads[node])
        if node and seen[node] == start:
            circle = [node]
            while (node := int(heads[node])) != circle[0]:
                circle.append(node)
            return np.array(circle)
    return None
