"""Exact searches for the sets whose smallest pair distance is largest (`--maximize min`), or smallest (`--least`).

A set reaches the value v if it is a clique in the graph of the pairs ≥ v; v rises with the sets found.
"""

import time
from collections.abc import Callable

import numpy as np

from mslt_cli.search import Floats, Ints
from mslt_cli.search.best import TIE, BestSets, Ranking, Row
from mslt_cli.search.branch_and_bound import SearchOutcome
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.in_order import MinGrowth, first_in_order
from mslt_cli.search.objective import PairSum

_CELLS = 400_000
_CLOSED = -1.0  # a distance is never below 0; what may not be chosen is −inf


def maximin(gain: Floats, wanted: Wanted, best: BestSets, deadline: float | None = None) -> SearchOutcome:
    """Fill `best` with the sets of largest smallest gain; exact unless `deadline` (`time.monotonic()`) comes first.

    Gains of pairs have shape (n, n) and are symmetric; the diagonal is not looked at.
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
        return SearchOutcome(best.top, True)
    items = np.flatnonzero(keep)
    # Items of few good partners first: their branches are short, and those of the others shorter for it.
    degree = (edge[np.ix_(items, items)] >= best.must_reach).sum(axis=1)
    items = items[np.argsort(degree, kind="stable")]
    items = np.concatenate([fixed, np.setdiff1d(items, fixed, assume_unique=True)])
    edge = edge[np.ix_(items, items)]
    m = len(items)
    f = len(fixed)
    start = edge[:f].min(axis=0, initial=np.inf)
    start[:f] = -np.inf
    worth = float(edge[np.triu_indices(f, 1)].min(initial=np.inf))
    if f == k:
        best.add(np.array([worth]), fixed[None])
        return SearchOutcome(best.top, True)
    fits = max(1, _CELLS // m)
    # Each entry: partial sets, their values, what each item would make of them, and the children yet to grow.
    stack = [_open(np.arange(f)[None], np.array([worth]), start[None], best)]
    while stack:
        if deadline is not None and time.monotonic() > deadline:
            return SearchOutcome(max(bound, best.top), False)
        sets, worths, reach, parent, taken = stack.pop()
        if len(parent) > fits:
            stack.append((sets, worths, reach, parent[fits:], taken[fits:]))
            parent, taken = parent[:fits], taken[:fits]
        value = np.minimum(worths[parent], reach[parent, taken])
        live = value >= best.must_reach
        parent, taken, value = parent[live], taken[live], value[live]
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
    return SearchOutcome(best.top, True)


def _open(sets: Ints, worths: Floats, reach: Floats, best: BestSets) -> tuple[Ints, Floats, Floats, Ints, Ints]:
    """A stack entry with all the children of these partial sets yet to grow."""
    parent, taken = np.nonzero(reach >= max(best.must_reach, _CLOSED))
    return sets, worths, reach, parent, taken


def _greedy(gain: Floats, wanted: Wanted, best: BestSets) -> None:
    """Farthest-point sets from 200 starts: each next item is the one farthest from the set so far."""
    for item in np.random.default_rng(0).permutation(wanted.n)[:200].tolist():
        chosen = list(dict.fromkeys([*wanted.fixed, item]))[: wanted.k]
        while len(chosen) < wanted.k:
            reach = gain[chosen].min(axis=0)
            reach[chosen] = -np.inf
            reach[wanted.full(np.array([chosen]), np.arange(wanted.n))[0]] = -np.inf
            step = int(reach.argmax())
            if reach[step] == -np.inf:
                break
            chosen.append(step)
        sets = np.array([chosen], dtype=np.int64)
        if len(chosen) == wanted.k and wanted.permits(sets)[0]:
            best.add(PairSum(gain, np.arange(wanted.n), smallest=True).values(sets), sets)


def least_smallest(objective: PairSum, wanted: Wanted, top: int, deadline: float) -> Ranking:
    """The sets that hold a nearest pair, then those that hold a next nearest one, until there are `top`."""

    def row(item: int) -> Floats:
        """Distances of a language from all, infinite where a quota forbids the pair."""
        distance: Floats = objective.distance[objective.kind[item]][objective.kind]
        distance[item] = np.inf
        for cap in wanted.caps:
            if cap.most == 1:
                distance[cap.labels == cap.labels[item]] = np.inf
        return distance

    growth = _NearestGrowth(wanted.n, row)
    rows: list[Row] = []
    place, value = 1, -np.inf
    while len(rows) < top:
        later = growth.distances[growth.distances > value + TIE]
        if not len(later):
            break
        value = float(later.min())
        asked = top - len(rows)
        sets = first_in_order(growth, wanted, -value, asked, deadline)
        late = time.monotonic() > deadline
        size = len(sets) if len(sets) < asked and not late else None  # as many as were asked for: there may be more
        rows += [Row(items, value, place, size) for items in sets]
        if late:
            return Ranking(rows, False, "bound", 0.0)
        place += len(sets)
    return Ranking(rows, True, "bound", 0.0)


class _NearestGrowth(MinGrowth):
    """Minus the smallest pair distance of a set."""

    def __init__(self, n: int, row: Callable[[int], Floats]) -> None:
        super().__init__(n, row)
        self.nearest = np.full(n + 1, np.inf)  # [i]: the nearest pair among the items from i on
        each = []
        for item in range(n - 1, -1, -1):
            later = row(item)[item + 1 :]
            self.nearest[item] = min(self.nearest[item + 1], float(later.min(initial=np.inf)))
            each.append(np.unique(later[np.isfinite(later)]))
        self.distances = np.unique(np.concatenate(each))  # all that quotas allow, ascending

    def reach(self, state: tuple[float, Floats], first: int, missing: int) -> float:
        worth, nearest = state
        if missing:
            worth = min(worth, float(nearest[first:].min()))
        if missing > 1:
            worth = min(worth, float(self.nearest[first]))
        return -worth
