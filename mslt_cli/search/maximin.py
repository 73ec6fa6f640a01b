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
from mslt_cli.search.in_order import MinGrowth, list_ties
from mslt_cli.search.objective import PairSum

_CELLS = 400_000
_DEEPEST = 16_000_000  # items × k up to which there is a search; beyond, the root's bound has to do
_LEAST = 20_000  # distances that are looked up at a time
_CLOSED = -1.0  # a distance is never below 0; what may not be chosen is −inf


def maximin(gain: Floats, wanted: Wanted, best: BestSets, deadline: float | None = None) -> SearchOutcome:
    """Fill `best` with the sets of largest smallest gain; exact unless `deadline` (`time.monotonic()`) comes first.

    Gains of pairs have shape (n, n) and are symmetric; the diagonal is not looked at.
    """
    now = time.monotonic()
    deadline = np.inf if deadline is None else deadline
    _greedy(gain, wanted, best, now + 0.25 * (deadline - now))
    n, k = wanted.n, wanted.k
    fixed = np.array(wanted.fixed, dtype=np.int64)
    blocks = [
        np.arange(at, min(n, at + 256)) for at in range(0, n, 256)
    ]  # one more copy of all pairs would be too much

    def allowed(rows: Ints) -> Floats:
        """Gains of some items with all, −inf where they may not stand together."""
        edge = gain[rows]
        edge[np.arange(len(rows)), rows] = -np.inf
        for cap in wanted.caps:
            if cap.most == 1:
                edge[cap.labels[rows][:, None] == cap.labels] = -np.inf
        return edge

    # No set holds an item whose (k − 1)-th best partner is too near.
    nearest = np.empty(n)
    for rows in blocks:
        if time.monotonic() > deadline:
            return SearchOutcome(float(gain.max()), False)
        nearest[rows] = np.partition(allowed(rows), n - (k - 1), axis=1)[:, n - (k - 1)]
    bound = float(np.sort(nearest)[::-1][k - 1])
    keep = nearest >= best.must_reach
    if not keep[fixed].all():
        return SearchOutcome(best.top, True)
    items = np.flatnonzero(keep)
    if len(items) * k > _DEEPEST or time.monotonic() > deadline:
        return SearchOutcome(max(bound, best.top), False)
    # Items of few good partners first: their branches are short, and those of the others shorter for it.
    degree = [(allowed(rows)[:, items] >= best.must_reach).sum(axis=1) for rows in np.array_split(items, len(blocks))]
    items = items[np.argsort(np.concatenate(degree), kind="stable")]
    items = np.concatenate([fixed, np.setdiff1d(items, fixed, assume_unique=True)])
    m = len(items)
    edge = np.empty((m, m))
    for at in range(0, m, 256):
        edge[at : at + 256] = allowed(items[at : at + 256])[:, items]
    f = len(fixed)
    start = edge[:f].min(axis=0, initial=np.inf)
    start[:f] = -np.inf
    worth = float(edge[np.triu_indices(f, 1)].min(initial=np.inf))
    if f == k:
        best.add(np.array([worth]), fixed[None])
        return SearchOutcome(best.top, True)
    fits = max(1, min(_CELLS, 10 * _CELLS // k) // m)
    # Each entry: partial sets, their values, what each item would make of them, and the children yet to grow.
    stack = [_open(np.arange(f)[None], np.array([worth]), start[None], best)]
    while stack:
        if time.monotonic() > deadline:
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


def _greedy(gain: Floats, wanted: Wanted, best: BestSets, stop: float) -> None:
    """Farthest-point sets from 200 starts: each next item is the one farthest from the set so far."""
    every = np.arange(wanted.n)
    for number, item in enumerate(np.random.default_rng(0).permutation(wanted.n)[:200].tolist()):
        if number and time.monotonic() > stop:
            return
        chosen = list(dict.fromkeys([*wanted.fixed, item]))[: wanted.k]
        reach = gain[chosen].min(axis=0)
        reach[chosen] = -np.inf
        worth = float(gain[np.ix_(chosen, chosen)][np.triu_indices(len(chosen), 1)].min(initial=np.inf))
        while len(chosen) < wanted.k:
            free = np.where(wanted.full(np.array([chosen]), every)[0], -np.inf, reach) if wanted.caps else reach
            step = int(free.argmax())
            if free[step] == -np.inf:
                break
            chosen.append(step)
            worth = min(worth, float(free[step]))
            np.minimum(reach, gain[step], out=reach)
            reach[step] = -np.inf
        sets = np.array([chosen], dtype=np.int64)
        if len(chosen) == wanted.k and wanted.permits(sets)[0]:
            best.add(np.array([worth]), sets)


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

    growth = _NearestGrowth(wanted.n, row, deadline)
    rows: list[Row] = []
    place, value, later = 1, -np.inf, np.empty(0)
    while len(rows) < top:
        later = later[later > value + TIE]
        if not len(later):
            later = growth.distances_above(value)
        if not len(later):
            return Ranking(rows, time.monotonic() <= deadline, "bound", 0.0)
        value = float(later[0])
        asked = top - len(rows)
        sets, size = list_ties(growth, wanted, -value, asked, deadline)
        late = time.monotonic() > deadline
        rows += [Row(items, value, place, size) for items in sets]
        if late:
            return Ranking(rows, False, "bound", 0.0)
        place += len(sets)
    return Ranking(rows, True, "bound", 0.0)


class _NearestGrowth(MinGrowth):
    """Minus the smallest pair distance of a set."""

    def __init__(self, n: int, row: Callable[[int], Floats], deadline: float) -> None:
        super().__init__(n, row)
        self.deadline = deadline
        self.nearest = np.append(np.full(n, -np.inf), np.inf)  # [i]: the nearest pair among the items from i on

    def distances_above(self, value: float) -> Floats:
        """The least distances that quotas allow and that are above a value by more than a tie, ascending; or late."""
        found, most = np.empty(0), np.inf
        for item in range(self.n - 1, -1, -1):
            if time.monotonic() > self.deadline:
                return np.empty(0)
            later = self.row(item)[item + 1 :]
            self.nearest[item] = min(self.nearest[item + 1], float(later.min(initial=np.inf)))
            later = later[(later > value + TIE) & (later < most)]
            if len(later):
                found = np.append(found, later)
            if len(found) > 2 * _LEAST:
                found = np.unique(found)[:_LEAST]
                most = found[-1] if len(found) == _LEAST else np.inf
        found = np.unique(found)
        return found[np.isfinite(found)][:_LEAST]

    def reach(self, state: tuple[float, Floats], first: int, missing: int) -> float:
        worth, nearest = state
        if missing:
            worth = min(worth, float(nearest[first:].min()))
        if missing > 1:
            worth = min(worth, float(self.nearest[first]))
        return -worth
