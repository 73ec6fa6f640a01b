"""Exact search for the sets whose smallest pair distance is largest (`--maximize min`).

A set reaches the value v if all its pairs do, so it is a clique in the graph of the pairs ≥ v. Sets grow
one item at a time, many at once; v rises with the sets found, and edges below it fall away.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import BestSets
from mslt_cli.search.branch_and_bound import Outcome
from mslt_cli.search.constraints import Wanted

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS = 400_000
_CLOSED = -1.0  # a distance is never below 0; what may not be chosen is −inf


def maximin(gain: Floats, wanted: Wanted, best: BestSets, deadline: float | None = None) -> Outcome:
    """Fill `best` with the sets of largest smallest gain; exact unless `deadline` comes first.

    Args:
        gain: of each pair of items, shape (n, n), symmetric; the diagonal is not looked at.
        wanted: size, fixed items and caps.
        best: collects the sets.
        deadline: a `time.monotonic()` value.
    """
    _greedy(gain, wanted, best)
    n, k = wanted.n, wanted.k
    fixed = np.array(wanted.fixed, dtype=np.int64)
    edge = gain.copy()
    np.fill_diagonal(edge, -np.inf)
    for cap in wanted.caps:
        if cap.most == 1:
            edge[cap.labels[:, None] == cap.labels[None, :]] = -np.inf
    # No set holds an item whose (k − 1)-th best partner is too near.
    nearest = np.partition(edge, n - (k - 1), axis=1)[:, n - (k - 1)]
    bound = float(np.sort(nearest)[::-1][k - 1])
    keep = nearest >= best.must_reach
    if not keep[fixed].all():
        return Outcome(best.top, True)
    items = np.flatnonzero(keep)
    # Items of few good partners first: their branches are short, and those of the others shorter for it.
    degree = (edge[np.ix_(items, items)] >= best.must_reach).sum(axis=1)
    items = items[np.argsort(degree, kind="stable")]
    items = np.concatenate([fixed, np.setdiff1d(items, fixed, assume_unique=True)])
    edge = edge[np.ix_(items, items)]
    m = len(items)
    f = len(fixed)
    start = edge[:f].min(axis=0) if f else np.full(m, np.inf)
    start[:f] = -np.inf
    worth = float(edge[np.triu_indices(f, 1)[0], np.triu_indices(f, 1)[1]].min()) if f > 1 else np.inf
    nodes = 0
    if f == k:
        best.add(np.array([worth]), fixed[None])
        return Outcome(best.top, True)
    fits = max(1, _CELLS // m)
    # Each entry: partial sets, their values, what each item would make of them, and the children yet to grow.
    stack = [_open(np.arange(f)[None], np.array([worth]), start[None], best)]
    while stack:
        if deadline is not None and time.monotonic() > deadline:
            return Outcome(max(bound, best.top), False, nodes)
        sets, worths, reach, parent, taken = stack.pop()
        if len(parent) > fits:
            stack.append((sets, worths, reach, parent[fits:], taken[fits:]))
            parent, taken = parent[:fits], taken[:fits]
        value = np.minimum(worths[parent], reach[parent, taken])
        live = value >= best.must_reach
        parent, taken, value = parent[live], taken[live], value[live]
        nodes += len(parent)
        grown = np.concatenate([sets[parent], taken[:, None]], axis=1)
        missing = k - grown.shape[1]
        if missing == 0:
            found = items[grown]
            fine = wanted.permits(found)
            best.add(value[fine], found[fine])
            continue
        child = np.minimum(reach[parent], edge[taken])
        child[np.arange(m)[None] <= taken[:, None]] = -np.inf
        enough = (child >= max(best.must_reach, _CLOSED)).sum(axis=1) >= missing
        if enough.any():
            stack.append(_open(grown[enough], value[enough], child[enough], best))
    return Outcome(best.top, True, nodes)


def _open(sets: Ints, worths: Floats, reach: Floats, best: BestSets) -> tuple[Ints, Floats, Floats, Ints, Ints]:
    """A stack entry with all the children of these partial sets yet to grow."""
    parent, taken = np.nonzero(reach >= max(best.must_reach, _CLOSED))
    return sets, worths, reach, parent, taken


def _greedy(gain: Floats, wanted: Wanted, best: BestSets, starts: int = 200) -> None:
    """Farthest-point sets from many starts: each next item is the one farthest from the set so far."""
    n, k = wanted.n, wanted.k
    rng = np.random.default_rng(0)
    first = rng.permutation(n)[:starts]
    for item in first:
        chosen = list(wanted.fixed) if item in wanted.fixed else [*wanted.fixed, int(item)]
        if len(chosen) > k:
            chosen = chosen[:k]
        while len(chosen) < k:
            reach = gain[chosen].min(axis=0)
            reach[chosen] = -np.inf
            for cap in wanted.caps:
                held = (cap.labels[chosen][:, None] == cap.labels[None, :]).sum(axis=0)
                reach[held >= cap.most] = -np.inf
            step = int(reach.argmax())
            if reach[step] == -np.inf:
                break
            chosen.append(step)
        sets = np.array([chosen], dtype=np.int64)
        if len(chosen) == k and wanted.permits(sets)[0]:
            i, j = np.triu_indices(k, 1)
            best.add(np.array([gain[sets[0][i], sets[0][j]].min()]) if k > 1 else np.array([np.inf]), sets)
