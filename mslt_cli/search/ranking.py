"""The first `top` combinations under one objective, with ranks, ties and how far they are proved."""

import heapq
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, repeat
from math import comb
from typing import Any

import numpy as np

from mslt_cli.search import Ints
from mslt_cli.search.best import TIE, BestSets, Ranking, Row, most_rows
from mslt_cli.search.branch_and_bound import branch_and_bound
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.exhaustive import ENUMERATE_UP_TO, can_list, enumerate_all
from mslt_cli.search.in_order import Growth, MinGrowth, SetGrowth, first_in_order, list_ties
from mslt_cli.search.labels import rank_labels
from mslt_cli.search.local_search import offer_good_sets, random_set
from mslt_cli.search.maximin import least_smallest, maximin
from mslt_cli.search.objective import MANY, Covering, DistinctLabels, ItemSum, Lot, Objective, PairSum
from mslt_cli.search.problem import problem_of

LOOK_EVERY = 32  # combinations that are listed between two looks at the clock
PAST_LIMIT_S = 0.5  # for listing what was found
GRACE_S = 2.0  # that a random order gets past the limit until a first combination keeps to the quotas
TIES_LISTED_IN_S = 2.0  # for listing the first of more ties than are kept
TIES_TO_COUNT = 5_000  # class combinations kept at the cut; where more tie, `tied` is None


def rank(
    objective: Objective, wanted: Wanted, *, top: int = 10, least: bool = False, time_limit: float = 8.0
) -> Ranking:
    """The first `top` combinations, the lowest value first with `least`; no rows if none keeps to the quotas.

    After `time_limit` seconds the best found so far are returned, with the proven gap.
    """
    if wanted.total <= 1 or (wanted.total <= ENUMERATE_UP_TO and can_list(wanted)):
        return enumerate_all(objective, wanted, top=top, least=least)
    deadline = time.monotonic() + time_limit
    top = min(top, most_rows(wanted.k))
    match objective:
        case Lot():
            return _draw(objective, wanted, top, least, deadline)
        case DistinctLabels():
            ranking = rank_labels(objective.label, wanted, top=top, least=least, deadline=deadline)
            return ranking if ranking.rows or ranking.exact else _any_set(objective, wanted, 1 if least else wanted.k)
        case PairSum(smallest=True) if least:
            ranking = least_smallest(objective, wanted, top, deadline)
            return ranking if ranking.rows or ranking.exact else _any_set(objective, wanted, 0.0)
    return _search(objective, wanted, top, least, deadline)


def _search(objective: PairSum | ItemSum | Covering, wanted: Wanted, top: int, least: bool, deadline: float) -> Ranking:
    """Rank by what adds up (amounts, pair distances, and what is covered), or by the smallest pair distance."""
    classes = Classes(objective.kind if isinstance(objective, PairSum) else np.arange(wanted.n), wanted)
    best = BestSets(top, classes.count, min(TIES_TO_COUNT + 2 * top, most_rows(wanted.k) + 2 * top))
    growth: Growth[Any]
    if isinstance(objective, PairSum) and objective.smallest:
        outcome = maximin(objective.distance[np.ix_(classes.kind, classes.kind)], classes.wanted, best, deadline)
        growth = MinGrowth(wanted.n, lambda i: objective.distance[objective.kind[i]][objective.kind])
    else:
        problem = problem_of(objective, wanted, least=least)
        pairs = replace(objective, kind=classes.kind) if isinstance(objective, PairSum) else problem.pairs
        items = replace(problem, wanted=classes.wanted, pairs=pairs)
        offer_good_sets(items, best, deadline)
        best.sorted()  # raises the bar
        outcome = branch_and_bound(items, best, deadline)
        if not outcome.proved and not best.sorted():
            return _any_set(objective, wanted, -outcome.bound if least else outcome.bound)
        growth = SetGrowth(problem, best.floor)
    bound = outcome.bound
    proved, uncounted = outcome.proved, best.ties_dropped
    if not proved and bound <= best.floor + TIE:
        proved = uncounted = True  # nothing is worth more than the last row, but not all that ties with it was seen
    groups: list[list[tuple[float, tuple[int, ...], int]]] = []
    for entry in best.sorted():
        if groups and groups[-1][-1][0] - entry[0] <= TIE:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    listed: list[tuple[tuple[int, ...], float, int, int | None]] = []  # each with its value, rank and how many share it
    place, exact = 1, proved
    until = max(deadline, time.monotonic()) + PAST_LIMIT_S
    for group in groups:
        asked = top - len(listed)
        if not asked:
            break
        size = sum(count for _, _, count in group) if proved else None
        ordered = heapq.merge(*(zip(classes.expand(items), repeat(value)) for value, items, _ in group))
        sets: list[tuple[tuple[int, ...], float]] = []
        for members in islice(ordered, asked):
            sets.append(members)
            if (wanted.k > MANY or len(sets) % LOOK_EVERY == 0) and time.monotonic() > until:
                break
        short = len(sets) < min(asked, sum(count for _, _, count in group))
        exact &= not short
        if group is groups[-1] and uncounted:
            size = None
            soon = min(until, time.monotonic() + TIES_LISTED_IN_S)
            if best.ties_dropped:
                first = first_in_order(growth, wanted, group[0][0], asked, soon)
            else:
                first, size = list_ties(growth, wanted, group[0][0], asked, soon)
            if len(first) == asked:
                sets = [(items, group[0][0]) for items in first]
            else:
                exact, size = False, None  # worth as much as any, but perhaps not the first in order
        listed += [(items, value, place, size) for items, value in sets]
        place += size if size is not None else len(sets)
        if short and len(sets) < asked:
            break
    values = [value for _, value, _, _ in listed]
    if listed and not (isinstance(objective, PairSum) and objective.smallest and wanted.k > MANY):
        values = objective.values(np.array([items for items, *_ in listed], dtype=np.int64)).tolist()
    rows = [Row(items, value + 0.0, at, tied) for (items, _, at, tied), value in zip(listed, values, strict=True)]
    gap = 0.0
    if not proved and rows:
        worth = -rows[0].value if least else rows[0].value
        gap = max(0.0, bound - worth) / max(abs(worth), 1e-12)
    return Ranking(rows, exact, "branch-and-bound" if exact else "bound", gap)


def _draw(lot: Lot, wanted: Wanted, top: int, least: bool, deadline: float) -> Ranking:
    """The first sets of the random order, those left out that quotas forbid."""
    rows: list[Row] = []
    place = 0
    while len(rows) < top and place < lot.total:
        # Without quotas every place is a row; with them the first row may be far off.
        may_look = wanted.caps or (place + 1) % LOOK_EVERY == 0
        if may_look and time.monotonic() > deadline + (0.0 if rows else GRACE_S):
            return Ranking(rows, False, "bound", 0.0)
        items = lot.at(lot.total - 1 - place if least else place)
        row = np.array([items])
        if set(wanted.fixed) <= set(items) and wanted.permits(row)[0]:
            number = place + 1 if least else lot.total - place
            rows.append(Row(items, number / lot.total, len(rows) + 1, 1))
        place += 1
    return Ranking(rows, True, "enumerated", 0.0)


def _any_set(objective: Objective, wanted: Wanted, bound: float) -> Ranking:
    """Any set that keeps to the quotas, where the time was up before one was found."""
    chosen = random_set(wanted, np.random.default_rng(0))
    if chosen is None:
        return Ranking([], False, "bound", 0.0)
    chosen.sort()
    value = float(objective.values(chosen[None])[0])
    row = Row(tuple(chosen.tolist()), value, 1, None)
    return Ranking([row], False, "bound", abs(bound - value) / max(abs(value), 1e-12))


class Classes:
    """Languages that no objective and no quota can tell apart, as items to search.

    A class of m languages becomes up to k items, so that a set may hold several. A set of items stands for all
    ways to fill the copies with languages, and only the sets that use the first copies count.

    Attributes:
        kind: what the objective sees of each item, shape (items,).
        wanted: the sets of items to search.
    """

    def __init__(self, kind: Ints, wanted: Wanted) -> None:
        """Classes of the n languages that `wanted` is about; `kind` has shape (n,)."""
        keys = np.column_stack([kind, *(cap.labels for cap in wanted.caps)])
        own = np.full(len(kind), -1)
        own[list(wanted.fixed)] = np.arange(len(wanted.fixed))  # a fixed language is a class of its own
        _, first, index = np.unique(np.column_stack([keys, own]), axis=0, return_index=True, return_inverse=True)
        index = index.ravel()
        order = np.argsort(index, kind="stable")
        bounds = np.searchsorted(index[order], np.arange(len(first) + 1))
        self.members = [order[bounds[c] : bounds[c + 1]].tolist() for c in range(len(first))]
        held = np.minimum([len(m) for m in self.members], wanted.k)
        class_of = np.repeat(np.arange(len(first)), held)
        self.class_of: list[int] = class_of.tolist()
        self.copy: list[int] = (np.arange(len(class_of)) - np.repeat(np.cumsum(held) - held, held)).tolist()
        self.kind: Ints = kind[first][class_of]
        fixed = tuple(int(np.searchsorted(class_of, index[f])) for f in wanted.fixed)
        caps = tuple(Caps(cap.labels[first][class_of], cap.most) for cap in wanted.caps)
        self.wanted = Wanted(len(self.kind), wanted.k, fixed, caps)

    def count(self, items: tuple[int, ...]) -> int:
        """How many language sets a set of items stands for; 0 unless it uses the first copies."""
        chosen = Counter(self.class_of[i] for i in items)
        if any(self.copy[i] >= chosen[self.class_of[i]] for i in items):
            return 0
        ways = 1
        for c, size in chosen.items():
            ways *= comb(len(self.members[c]), size)
        return ways

    def expand(self, items: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """The language sets in lexicographic order, lazily."""
        need = Counter(self.class_of[i] for i in items)
        # What may be chosen, in order, with its class and how many of that class come from there on.
        of_class = {c: zip(self.members[c], repeat(c), range(len(self.members[c]), 0, -1)) for c in need}
        free = [of_class[c] for c in need if len(self.members[c]) > need[c]]
        whole = sorted(member for c in need if len(self.members[c]) == need[c] for member in of_class[c])
        coming = heapq.merge(whole, *free)
        known: list[tuple[int, int, int]] = []
        chosen: list[int] = []
        place = 0
        while True:
            while len(chosen) < len(items):
                if place == len(known):
                    known.append(next(coming))
                if need[known[place][1]]:
                    need[known[place][1]] -= 1
                    chosen.append(place)
                place += 1
            yield tuple(known[at][0] for at in chosen)
            while chosen:  # the last one goes that is not needed, as enough of its class come later
                place = chosen.pop()
                _, own, left = known[place]
                need[own] += 1
                place += 1
                if left > need[own]:
                    break
            else:
                return
