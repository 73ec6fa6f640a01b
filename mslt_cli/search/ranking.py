"""The first `top` combinations under one objective, with ranks, ties and how far they are proved."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import TIE, BestSets
from mslt_cli.search.branch_and_bound import Outcome, PairwiseProblem, branch_and_bound
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.in_order import Growth, ItemGrowth, LabelGrowth, MinGrowth, SumGrowth, first_in_order
from mslt_cli.search.local_search import swap_search
from mslt_cli.search.maximin import maximin
from mslt_cli.search.meet_in_the_middle import is_flat, meet_in_the_middle
from mslt_cli.search.objective import DistinctLabels, ItemSum, Lot, Objective, PairSum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ENUMERATE_UP_TO = 200_000
"""Combinations up to which all are valued; beyond, the search leaves out what cannot be wanted."""

MOST_ROWS = 10_000
"""Rows that can be asked for where combinations are not enumerated: a search for nearly all leaves nothing out."""

FEW_ITEMS = 700
"""Items up to which equal languages are searched as copies from the start."""

TIES_TO_COUNT = 5_000
"""Class combinations kept at the cut; where more tie, `tied` is None."""


@dataclass(frozen=True)
class Row:
    """One ranked combination: positions in the pool, value, competition rank, and how many share it."""

    items: tuple[int, ...]
    value: float
    rank: int
    tied: int | None


@dataclass(frozen=True)
class Ranking:
    """The first combinations of a pool.

    Attributes:
        rows: best first; ties in lexicographic order.
        exact: whether these are certainly the first ones.
        proof: "enumerated", "branch-and-bound", or "bound" (a bound on all others met or stated).
        gap: how much better than the first row another combination can be, as a share of its value.
        sets: all combinations in lexicographic order where they were enumerated, shape (b, k).
        values: their values, shape (b,).
    """

    rows: list[Row]
    exact: bool
    proof: str
    gap: float
    sets: Ints | None = None
    values: Floats | None = None


def rank(
    objective: Objective, wanted: Wanted, *, top: int = 10, least: bool = False, time_limit: float = 8.0
) -> Ranking:
    """Rank the combinations that are asked for.

    Args:
        objective: what a set is worth.
        wanted: size, fixed languages and quotas.
        top: how many rows.
        least: lowest value first.
        time_limit: seconds after which the best found so far are returned, with the proven gap.

    Returns:
        The ranking; without rows if no combination keeps to the quotas.
    """
    if wanted.total <= max(1, ENUMERATE_UP_TO):
        return enumerate_all(objective, wanted, top=top, least=least)
    deadline = time.monotonic() + time_limit
    if isinstance(objective, Lot):
        return _draw(objective, wanted, top, least)
    if isinstance(objective, DistinctLabels):
        return _most_labels(objective, wanted, top, least, deadline)
    if isinstance(objective, ItemSum):
        return _sums(objective, wanted, top, least, deadline)
    return _pairs(objective, wanted, top, least, deadline)


# -- all of them -------------------------------------------------------------------------------------


def enumerate_all(objective: Objective, wanted: Wanted, *, top: int, least: bool) -> Ranking:
    """Value every combination and sort; equal values keep their lexicographic order."""
    sets = all_sets(wanted)
    values = objective.values(sets)
    ranks, tied = competition_ranks(values, least=least)
    order = np.lexsort((np.arange(len(sets)), ranks))[:top]
    rows = [Row(tuple(sets[i].tolist()), float(values[i]), int(ranks[i]), int(tied[i])) for i in order]
    return Ranking(rows, True, "enumerated", 0.0, sets, values)


def competition_ranks(values: Floats, *, least: bool = False) -> tuple[Ints, Ints]:
    """Ranks 1, 2, 2, 4 and the number of equals of each; neighbours within `TIE` are equal. Shape (b,) each."""
    if not len(values):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    signed = values if least else -values
    order = np.argsort(signed, kind="stable")
    new = np.append(True, np.diff(signed[order]) > TIE)
    group = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    size = np.diff(np.append(first, len(values)))
    ranks, tied = np.empty(len(values), dtype=np.int64), np.empty(len(values), dtype=np.int64)
    ranks[order], tied[order] = first[group] + 1, size[group]
    return ranks, tied


# -- pairwise objectives -----------------------------------------------------------------------------


def _pairs(objective: PairSum, wanted: Wanted, top: int, least: bool, deadline: float) -> Ranking:
    if objective.smallest and least:
        return _least_smallest(objective, wanted, top, deadline)
    sign = -1.0 if least else 1.0
    # A set may hold equal languages, but in large pools hardly any wanted set does: there one item for
    # each class comes first, and the copies only if sets with a pair of distance 0 could be wanted.
    classes = _Classes(objective.kind, wanted, copies=wanted.k)
    singles = _Classes(objective.kind, wanted, copies=1)
    best = BestSets(top, singles.count, TIES_TO_COUNT + 2 * top)
    done = False
    if not least and len(singles.kind) >= wanted.k and len(classes.kind) > FEW_ITEMS:
        problem, outcome = _search(objective, singles, wanted, least, best, deadline)
        with_equals = 0.0 if objective.smallest else (comb(wanted.k, 2) - 1) * float(problem.gain.max())
        done = with_equals < best.must_reach or not outcome.proved
    if done:
        classes = singles
    else:
        best = BestSets(top, classes.count, TIES_TO_COUNT + 2 * top)
        problem, outcome = _search(objective, classes, wanted, least, best, deadline)
    if outcome.bound <= best.floor + TIE:
        outcome.proved = True  # nothing is worth more than the last row
    if objective.smallest:
        growth: Growth[Any] = MinGrowth(wanted.n, lambda i: objective.distance[objective.kind[i]][objective.kind])
    else:
        largest = float(problem.gain.max())
        growth = SumGrowth(
            wanted.n, wanted.k, lambda i: sign * objective.distance[objective.kind[i]][objective.kind], largest
        )
    return _assemble(best, outcome, classes, growth, wanted, top, sign)


def _search(
    objective: PairSum, classes: _Classes, wanted: Wanted, least: bool, best: BestSets, deadline: float
) -> tuple[PairwiseProblem, Outcome]:
    """Fill `best` by the method that suits the objective."""
    gain = objective.distance
    if len(classes.kind) != len(gain) or not (classes.kind == np.arange(len(gain))).all():
        gain = gain[np.ix_(classes.kind, classes.kind)]
    if least:
        gain = -gain
    problem = PairwiseProblem(gain, wanted.k, _curvature(objective, gain, least), classes.fixed, classes.caps)
    if objective.smallest:
        return problem, maximin(gain, Wanted(len(gain), wanted.k, classes.fixed, classes.caps), best, deadline)
    swap_search(problem, best)
    vectors = objective.vectors
    if vectors is not None and not least and not wanted.fixed and not wanted.caps and is_flat(vectors, wanted.k):
        return problem, meet_in_the_middle(problem, vectors[classes.kind], best, deadline)
    return problem, branch_and_bound(problem, best, deadline)


def _curvature(objective: PairSum, gain: Floats, least: bool) -> float | None:
    """The λ of the convex bound: 0 for vectors, the largest eigenvalue off the mean for other matrices."""
    if least:
        return None
    if objective.vectors is not None:
        return 0.0
    n = len(gain)
    if n > 1500:
        return None
    centred = gain - gain.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    return max(0.0, float(np.linalg.eigvalsh(centred)[-1]))


class _Classes:
    """Languages that no objective and no quota can tell apart, as items to search.

    A class of m languages becomes up to `copies` items, so that a set may hold several; a set
    of items stands for all ways to fill the copies with languages, and only the sets that use the
    first copies count.
    """

    def __init__(self, kind: Ints, wanted: Wanted, copies: int) -> None:
        keys = np.column_stack([kind, *(cap.labels for cap in wanted.caps)])
        own = np.full(len(kind), -1)
        own[list(wanted.fixed)] = np.arange(len(wanted.fixed))  # a fixed language is a class of its own
        _, first, index = np.unique(np.column_stack([keys, own]), axis=0, return_index=True, return_inverse=True)
        index = index.ravel()
        order = np.argsort(index, kind="stable")
        bounds = np.searchsorted(index[order], np.arange(len(first) + 1))
        self.members = [order[bounds[c] : bounds[c + 1]].tolist() for c in range(len(first))]
        sizes = np.array([len(m) for m in self.members])
        held = np.minimum(sizes, copies)
        self.class_of = np.repeat(np.arange(len(first)), held)
        self.copy = np.arange(len(self.class_of)) - np.repeat(np.cumsum(held) - held, held)
        self.kind = kind[first][self.class_of]
        self.fixed = tuple(int(np.flatnonzero(self.class_of == index[f])[0]) for f in wanted.fixed)
        self.caps = tuple(Caps(cap.labels[first][self.class_of], cap.most) for cap in wanted.caps)

    def count(self, items: tuple[int, ...]) -> int:
        """How many language sets a set of items stands for; 0 unless it uses the first copies."""
        chosen = Counter(int(self.class_of[i]) for i in items)
        ways = 1
        for c, size in chosen.items():
            ways *= comb(len(self.members[c]), size)
        if any(int(self.copy[i]) >= chosen[int(self.class_of[i])] for i in items):
            return 0
        return ways

    def expand(self, items: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """The language sets in lexicographic order, lazily."""
        slots = [(self.members[c], size) for c, size in Counter(int(self.class_of[i]) for i in items).items()]
        start = tuple(tuple(range(size)) for _, size in slots)

        def languages(state: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
            return tuple(sorted(m[j] for (m, _), picks in zip(slots, state, strict=True) for j in picks))

        heap, seen = [(languages(start), start)], {start}
        while heap:
            found, state = heapq.heappop(heap)
            yield found
            for s, (members, _) in enumerate(slots):
                for j, pick in enumerate(state[s]):
                    if pick + 1 < len(members) and pick + 1 not in state[s]:
                        picks = (*state[s][:j], pick + 1, *state[s][j + 1 :])
                        after = (*state[:s], picks, *state[s + 1 :])
                        if after not in seen:  # one pick later is a later set, so the heap keeps the order
                            seen.add(after)
                            heapq.heappush(heap, (languages(after), after))


def _assemble(
    best: BestSets, outcome: Outcome, classes: _Classes, growth: Growth[Any], wanted: Wanted, top: int, sign: float
) -> Ranking:
    """Language rows from the item sets found: groups of equal value, each in lexicographic order."""
    groups: list[list[tuple[float, tuple[int, ...], int]]] = []
    for entry in best.sorted():
        if groups and groups[-1][-1][0] - entry[0] <= TIE:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    rows: list[Row] = []
    place = 1
    for number, group in enumerate(groups):
        if len(rows) >= top:
            break
        value = group[0][0]
        size: int | None = sum(count for _, _, count in group)
        streams = [classes.expand(items) for _, items, _ in group]
        sets = [next_ for next_, _ in zip(heapq.merge(*streams), range(top - len(rows)), strict=False)]
        at_cut = number == len(groups) - 1
        if at_cut and best.ties_dropped:
            size = None
            listed = first_in_order(growth, wanted, value, top - len(rows), time.monotonic() + 2.0)
            sets = listed if len(listed) >= min(len(sets), top - len(rows)) else sets
        if not outcome.proved:
            size = None
        rows += [Row(items, sign * value + 0.0, place, size) for items in sets]
        place += size if size is not None else len(sets)
    gap = 0.0
    if not outcome.proved and rows:
        first = sign * rows[0].value
        gap = max(0.0, (outcome.bound - first) / max(abs(first), 1e-12))
    return Ranking(rows, outcome.proved, "branch-and-bound" if outcome.proved else "bound", gap)


def _least_smallest(objective: PairSum, wanted: Wanted, top: int, deadline: float) -> Ranking:
    """`--least --maximize min`: every set that holds a closest pair ties; the next closest follow."""
    kind = objective.kind
    near = objective.distance.copy()
    once = np.bincount(kind, minlength=len(near)) < 2
    near[np.diag_indices(len(near))] = np.where(once, np.inf, 0.0)
    value = float(near.min())

    class Nearest:
        """−(smallest distance); reached as soon as a closest pair is within reach."""

        def start(self) -> tuple[float, tuple[int, ...]]:
            return np.inf, ()

        def add(self, state: tuple[float, tuple[int, ...]], item: int) -> tuple[float, tuple[int, ...]]:
            worth, items = state
            pairs = [float(objective.distance[kind[i], kind[item]]) for i in items]
            return min([worth, *pairs]), (*items, item)

        def reach(self, state: tuple[float, tuple[int, ...]], first: int, missing: int) -> float:
            worth, items = state
            later = kind[first:]
            if len(later) < missing:
                return -np.inf
            if missing and items:
                worth = min(worth, float(objective.distance[np.ix_(kind[list(items)], later)].min()))
            if missing > 1:
                pairs = near[np.ix_(np.unique(later), np.unique(later))]
                doubled = np.bincount(later, minlength=len(near))[np.unique(later)] > 1
                pairs[np.diag_indices(len(pairs))] = np.where(doubled, 0.0, np.inf)
                worth = min(worth, float(pairs.min()))
            return -worth

    if wanted.fixed and wanted.k > 1:
        fixed = np.array(sorted(wanted.fixed))
        others = objective.distance[np.ix_(kind[fixed], np.delete(kind, fixed))]
        if wanted.k - len(fixed) < 2:
            value = float(others.min()) if others.size else value
            pairs = objective.distance[np.ix_(kind[fixed], kind[fixed])][np.triu_indices(len(fixed), 1)]
            value = min([value, *pairs.tolist()])
    sets = first_in_order(Nearest(), wanted, -value, top, deadline)
    rows = [Row(items, value, 1, None) for items in sets]
    return Ranking(rows, time.monotonic() < deadline, "bound", 0.0)


# -- other objectives --------------------------------------------------------------------------------


def _draw(lot: Lot, wanted: Wanted, top: int, least: bool) -> Ranking:
    """The first sets of the random order, those left out that are not asked for."""
    rows: list[Row] = []
    place = 0
    while len(rows) < top and place < lot.total and place < 200_000:
        items = lot.at(lot.total - 1 - place if least else place)
        row = np.array([items])
        if set(wanted.fixed) <= set(items) and wanted.permits(row)[0]:
            rows.append(Row(items, float(lot.values(row)[0]), len(rows) + 1, 1))
        place += 1
    return Ranking(rows, True, "enumerated", 0.0)


def _most_labels(objective: DistinctLabels, wanted: Wanted, top: int, least: bool, deadline: float) -> Ranking:
    """Values are small integers: list the sets of the best value, then of the next, until there are enough."""
    labels = objective.label
    counts = None if wanted.caps else _label_counts(labels, wanted)
    growth: Growth[Any] = _FewLabels(labels, wanted.n) if least else LabelGrowth(labels)
    values = range(1, wanted.k + 1) if least else range(wanted.k, 0, -1)
    rows: list[Row] = []
    place = 1
    for value in values:
        if len(rows) >= top or (counts is not None and counts.get(value, 0) == 0):
            if len(rows) >= top:
                break
            continue
        sets = first_in_order(growth, wanted, -value if least else value, top - len(rows), deadline)
        size = counts[value] if counts is not None else None
        rows += [Row(items, float(value), place, size) for items in sets]
        place += size if size is not None else len(sets)
    return Ranking(rows, time.monotonic() < deadline, "bound", 0.0)


class _FewLabels(LabelGrowth):
    """Minus the number of distinct labels."""

    def __init__(self, label: Ints, n: int) -> None:
        super().__init__(label)
        self.n = n

    def reach(self, state: frozenset[int], first: int, missing: int) -> float:
        if self.n - first < missing:
            return -np.inf
        later, count = np.unique(self.label[first:], return_counts=True)
        room = int(count[np.isin(later, list(state))].sum())
        more = 0
        for size in sorted(count[~np.isin(later, list(state))].tolist(), reverse=True):
            if room >= missing:
                break
            room += size
            more += 1
        return -float(len(state) + more)


def _label_counts(labels: Ints, wanted: Wanted) -> dict[int, int]:
    """How many sets hold each number of distinct labels: the coefficients of a product over the labels.

    A label of m free languages contributes `1 + y((1 + x)^m − 1)`, and `(1 + x)^m` if a fixed language has
    it already; x counts languages and y labels.
    """
    fixed = set(labels[list(wanted.fixed)].tolist())
    free = np.delete(labels, list(wanted.fixed))
    missing = wanted.k - len(wanted.fixed)
    ways = {(0, len(fixed)): 1}
    for label, m in zip(*np.unique(free, return_counts=True), strict=True):
        after: Counter[tuple[int, int]] = Counter()
        for (size, distinct), count in ways.items():
            for take in range(min(int(m), missing - size) + 1):
                new = distinct + (take > 0 and int(label) not in fixed)
                after[size + take, new] += count * comb(int(m), take)
        ways = dict(after)
    return {distinct: count for (size, distinct), count in ways.items() if size == missing}


def _sums(objective: ItemSum, wanted: Wanted, top: int, least: bool, deadline: float) -> Ranking:
    """Sets in order of their sums, from the largest: a heap that replaces one item by the next smaller one."""
    sign = -1.0 if least else 1.0
    amount = sign * objective.amount
    free = np.delete(np.arange(wanted.n), list(wanted.fixed))
    free = free[np.argsort(-amount[free], kind="stable")]
    missing = wanted.k - len(wanted.fixed)
    start = tuple(range(missing))
    base = float(amount[list(wanted.fixed)].sum())
    heap, seen = [(-float(amount[free[list(start)]].sum()), start)], {start}
    best = BestSets(top, cap=TIES_TO_COUNT + 2 * top)
    while heap and not best.ties_dropped and time.monotonic() < deadline:
        loss, picks = heapq.heappop(heap)
        if base - loss < best.must_reach:
            break
        items = np.array([[*wanted.fixed, *free[list(picks)]]])
        if wanted.permits(items)[0]:
            best.add(np.array([base - loss]), items)
        for j, pick in enumerate(picks):
            if pick + 1 < len(free) and pick + 1 not in picks:
                after = (*picks[:j], pick + 1, *picks[j + 1 :])
                if after not in seen:
                    seen.add(after)
                    heapq.heappush(heap, (-float(amount[free[list(after)]].sum()), after))
    proved = time.monotonic() < deadline
    outcome = Outcome(base - heap[0][0] if heap and not proved else best.top, proved)
    classes = _Classes(np.arange(wanted.n), Wanted(wanted.n, wanted.k), copies=1)
    return _assemble(best, outcome, classes, ItemGrowth(amount), wanted, top, sign)
