"""The first `top` combinations under one objective, with ranks, ties and how far they are proved."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import TIE, BestSets
from mslt_cli.search.branch_and_bound import Outcome, PairwiseProblem, branch_and_bound
from mslt_cli.search.competition import competition_ranks
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.cover_search import CoverGrowth, cover_search, problem_of
from mslt_cli.search.cover_start import offer_good_sets
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.in_order import Growth, ItemGrowth, LabelGrowth, MinGrowth, SumGrowth, first_in_order
from mslt_cli.search.local_search import random_set, swap_search
from mslt_cli.search.maximin import maximin
from mslt_cli.search.meet_in_the_middle import is_flat, meet_in_the_middle
from mslt_cli.search.objective import Covering, DistinctLabels, ItemSum, Lot, Objective, PairSum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ENUMERATE_UP_TO = 200_000
"""Combinations up to which all are valued; beyond, the search leaves out what cannot be wanted."""

MOST_ROWS = 10_000
"""Rows that can be asked for where combinations are not enumerated: a search for nearly all leaves nothing out."""

FEW_ITEMS = 700
"""Items up to which equal languages are searched as copies from the start."""

GRACE_S = 2.0
"""Seconds that a random order gets past the limit until a first combination keeps to the quotas."""

TIES_LISTED_IN_S = 2.0
"""Seconds for listing the first of more ties than are kept."""

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
        return _draw(objective, wanted, top, least, deadline)
    if isinstance(objective, DistinctLabels):
        return _most_labels(objective, wanted, top, least, deadline)
    if isinstance(objective, ItemSum):
        return _sums(objective, wanted, top, least, deadline)
    if isinstance(objective, PairSum):
        return _pairs(objective, wanted, top, least, deadline)
    return _covers(objective, wanted, top, least, deadline)


# -- all of them -------------------------------------------------------------------------------------


def enumerate_all(objective: Objective, wanted: Wanted, *, top: int, least: bool) -> Ranking:
    """Value every combination and sort; equal values keep their lexicographic order."""
    sets = all_sets(wanted)
    values = objective.values(sets)
    ranks, tied = competition_ranks(values, least=least)
    order = np.lexsort((np.arange(len(sets)), ranks))[:top]
    rows = [Row(tuple(sets[i].tolist()), float(values[i]), int(ranks[i]), int(tied[i])) for i in order]
    return Ranking(rows, True, "enumerated", 0.0, sets, values)


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
        with_equals = _bound_with_equals(objective, problem, singles, wanted)
        outcome.bound = max(outcome.bound, with_equals)
        done = with_equals < best.must_reach or not outcome.proved
    if done:
        classes = singles
    else:
        found, best = best, BestSets(top, classes.count, TIES_TO_COUNT + 2 * top)
        for value, items, _ in found.sorted():
            best.add(np.array([value]), np.array([[classes.first_copy(singles, i) for i in items]]))
        problem, outcome = _search(objective, classes, wanted, least, best, deadline)
    if not outcome.proved and outcome.bound <= best.floor + TIE:
        # Nothing is worth more than the last row, but not all that ties with it was seen.
        outcome.proved = True
        best.ties_dropped = True
    if objective.smallest:
        growth: Growth[Any] = MinGrowth(wanted.n, lambda i: objective.distance[objective.kind[i]][objective.kind])
    else:
        largest = float(problem.gain.max())
        growth = SumGrowth(
            wanted.n, wanted.k, lambda i: sign * objective.distance[objective.kind[i]][objective.kind], largest
        )
    return _assemble(best, outcome, classes, growth, wanted, top, sign)


def _bound_with_equals(objective: PairSum, problem: PairwiseProblem, singles: _Classes, wanted: Wanted) -> float:
    """Bound on the sets that hold two equal languages, which a search over single classes leaves out.

    Such a set has a pair of distance 0. Where distances are of vectors, the convex bound holds for it as well,
    if a class may be taken as often as it has members.
    """
    if objective.smallest:
        return 0.0
    bound = (comb(wanted.k, 2) - 1) * float(problem.gain.max())
    if objective.vectors is None:
        return bound
    room = np.minimum([len(singles.members[c]) for c in singles.class_of], wanted.k)
    room[list(singles.fixed)] = 0
    held = np.bincount(np.array(singles.fixed, dtype=np.int64), minlength=len(room))
    missing = wanted.k - len(singles.fixed)
    y = held + missing * room / room.sum()
    field_ = -(problem.gain @ y)
    energy = float(y @ field_)
    for _ in range(400):
        few = _cheapest(field_, room, missing)
        few = few[np.argsort(field_[few], kind="stable")]
        taken = np.minimum(room[few], np.maximum(0, missing - (np.cumsum(room[few]) - room[few])))
        vertex = held.astype(np.float64)
        vertex[few] += taken
        toward = float(vertex @ field_)
        bound = min(bound, 0.5 * energy - toward)
        some = np.flatnonzero(vertex)
        v_field = -(vertex[some] @ problem.gain[some])
        bend = energy - 2 * toward + float(vertex @ v_field)
        if energy - toward < 1e-9 or bend <= 0:
            break
        size = min(1.0, (energy - toward) / bend)
        field_ = (1 - size) * field_ + size * v_field
        energy = (1 - size) ** 2 * energy + 2 * size * (1 - size) * toward + size**2 * float(vertex @ v_field)
    return bound


def _cheapest(price: Floats, room: Ints, missing: int) -> Ints:
    """The `missing` classes of lowest price that have room: no more can be needed."""
    free = np.flatnonzero(room)
    if len(free) <= missing:
        return free
    return free[np.argpartition(price[free], missing - 1)[:missing]]


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
    if vectors is not None and not least and not wanted.fixed and not wanted.caps:
        vectors = vectors[classes.kind]
        if is_flat(vectors, wanted.k):
            return problem, meet_in_the_middle(problem, vectors, best, deadline)
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

    def first_copy(self, other: _Classes, item: int) -> int:
        """The item here that is the first of the class that another list's item belongs to."""
        return int(np.searchsorted(self.class_of, other.class_of[item]))

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
    exact = outcome.proved
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
            listed = first_in_order(growth, wanted, value, top - len(rows), time.monotonic() + TIES_LISTED_IN_S)
            if len(listed) == top - len(rows):
                sets = listed
            else:
                exact = False  # worth as much as any, but perhaps not the first in order
        if not outcome.proved:
            size = None
        rows += [Row(items, sign * value + 0.0, place, size) for items in sets]
        place += size if size is not None else len(sets)
    gap = 0.0
    if not outcome.proved and rows:
        first = sign * rows[0].value
        gap = max(0.0, (outcome.bound - first) / max(abs(first), 1e-12))
    return Ranking(rows, exact, "branch-and-bound" if exact else "bound", gap)


def _least_smallest(objective: PairSum, wanted: Wanted, top: int, deadline: float) -> Ranking:
    """`--least --maximize min`: the sets that hold a nearest pair, then those that hold a next nearest one."""
    kind = objective.kind

    def row(item: int) -> Floats:
        """Distances of a language from all, infinite where a quota forbids the pair."""
        distance: Floats = objective.distance[kind[item]][kind]
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
        if time.monotonic() > deadline:
            rows += [Row(items, value, place, None) for items in sets]
            return Ranking(rows, False, "bound", 0.0)
        size = len(sets) if len(sets) < asked else None  # as many as were asked for: there may be more
        rows += [Row(items, value, place, size) for items in sets]
        place += len(sets)
    return Ranking(rows, True, "bound", 0.0)


class _NearestGrowth:
    """Minus the smallest pair distance of a set."""

    def __init__(self, n: int, row: Callable[[int], Floats]) -> None:
        self.row = row
        nearest = np.full(n + 1, np.inf)  # [i]: the nearest pair among the items from i on
        known: list[Floats] = []
        for item in range(n - 1, -1, -1):
            later = row(item)[item + 1 :]
            nearest[item] = min(nearest[item + 1], float(later.min(initial=np.inf)))
            known.append(np.unique(later[np.isfinite(later)]))
        self.nearest = nearest
        self.distances = np.unique(np.concatenate(known))
        self.n = n

    def start(self) -> tuple[float, Floats]:
        return np.inf, np.full(self.n, np.inf)

    def add(self, state: tuple[float, Floats], item: int) -> tuple[float, Floats]:
        worth, reach = state
        return min(worth, float(reach[item])), np.minimum(reach, self.row(item))

    def reach(self, state: tuple[float, Floats], first: int, missing: int) -> float:
        worth, reach = state
        if self.n - first < missing:
            return -np.inf
        if missing:
            worth = min(worth, float(reach[first:].min()))
        if missing > 1:
            worth = min(worth, float(self.nearest[first]))
        return -worth


# -- what sets cover ---------------------------------------------------------------------------------


def _covers(objective: Covering, wanted: Wanted, top: int, least: bool, deadline: float) -> Ranking:
    sign = -1.0 if least else 1.0
    best = BestSets(top, cap=TIES_TO_COUNT + 2 * top)
    problem = problem_of(objective, wanted, sign)
    offer_good_sets(objective, wanted, best, sign=sign, deadline=deadline)
    outcome = cover_search(problem, best, deadline)
    if not outcome.proved and not best.sorted():
        return _stopped(objective, wanted, [], sign * outcome.bound)
    if not outcome.proved and outcome.bound <= best.floor + TIE:
        outcome.proved = True  # nothing is worth more than the last row, but not all that ties with it was seen
        best.ties_dropped = True
    classes = _Classes(np.arange(wanted.n), Wanted(wanted.n, wanted.k), copies=1)
    found = _assemble(best, outcome, classes, CoverGrowth(problem, best.floor), wanted, top, sign)
    if not found.rows:
        return found
    # The search adds up in another order than `values` does.
    values = objective.values(np.array([row.items for row in found.rows], dtype=np.int64))
    return replace(found, rows=[replace(row, value=float(v)) for row, v in zip(found.rows, values, strict=True)])


# -- other objectives --------------------------------------------------------------------------------


def _draw(lot: Lot, wanted: Wanted, top: int, least: bool, deadline: float) -> Ranking:
    """The first sets of the random order, those left out that quotas forbid."""
    rows: list[Row] = []
    place = 0
    while len(rows) < top and place < lot.total:
        # Without quotas every place is a row; with them the first row may be far off.
        if wanted.caps and time.monotonic() > deadline + (0.0 if rows else GRACE_S):
            return Ranking(rows, False, "bound", 0.0)
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
        if len(rows) >= top:
            break
        if counts is not None and counts.get(value, 0) == 0:
            continue
        sets = first_in_order(growth, wanted, -value if least else value, top - len(rows), deadline)
        late = time.monotonic() > deadline and len(sets) < top - len(rows)
        size = counts[value] if counts is not None else None
        rows += [Row(items, float(value), place, size) for items in sets]
        place += size if size is not None else len(sets)
        if late:  # all better values are settled, this one is not
            return _stopped(objective, wanted, rows, float(value))
    return Ranking(rows, True, "bound", 0.0)


def _stopped(objective: Objective, wanted: Wanted, rows: list[Row], bound: float) -> Ranking:
    """What is known when the time is up; any set that keeps to the quotas, where none was found yet."""
    if not rows:
        rng = np.random.default_rng(0)
        chosen = random_set(wanted.n, wanted.k, wanted.fixed, wanted.permits, rng)
        if chosen is not None:
            chosen.sort()
            rows = [Row(tuple(chosen.tolist()), float(objective.values(chosen[None])[0]), 1, None)]
    gap = abs(bound - rows[0].value) / max(abs(rows[0].value), 1e-12) if rows else 0.0
    return Ranking(rows, False, "bound", gap)


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
    """Sets in order of their sums, best bound first: each step takes or leaves one item for good."""
    sign = -1.0 if least else 1.0
    amount = sign * objective.amount
    free = np.delete(np.arange(wanted.n), list(wanted.fixed))
    order = free[np.argsort(-amount[free], kind="stable")].tolist()
    best = BestSets(top, cap=TIES_TO_COUNT + 2 * top)

    def bound(chosen: tuple[int, ...], first: int) -> float:
        """Most that a set can be worth with these items and others from place `first` of the order on.

        Taking the largest that a quota leaves room for is the best that any one quota allows.
        """
        worth, missing = float(amount[list(chosen)].sum()), wanted.k - len(chosen)
        least_bound = np.inf if missing else worth
        for cap in wanted.caps or (None,):
            held = Counter(int(cap.labels[i]) for i in chosen) if cap else Counter()
            total, left = worth, missing
            for item in order[first:]:
                if not left:
                    break
                if cap is not None:
                    label = int(cap.labels[item])
                    if held[label] >= cap.most:
                        continue
                    held[label] += 1
                total += float(amount[item])
                left -= 1
            least_bound = min(least_bound, -np.inf if left else total)
        return least_bound

    start = tuple(wanted.fixed)
    heap = [(-bound(start, 0), wanted.k - len(start), start, 0)]
    proved = True
    while heap and not best.ties_dropped:
        if time.monotonic() > deadline:
            proved = False
            break
        loss, missing, chosen, first = heapq.heappop(heap)
        if -loss < best.must_reach:
            break
        if not missing:
            best.add(np.array([-loss]), np.array([chosen]))
            continue
        while first < len(order) and not wanted.permits(np.array([[*chosen, order[first]]]))[0]:
            first += 1
        if first == len(order):
            continue
        for after in ((*chosen, order[first]), chosen):
            reached = bound(after, first + 1)
            if reached > -np.inf:
                heapq.heappush(heap, (-reached, wanted.k - len(after), after, first + 1))
    known = best.sorted()
    if not proved and not known:
        return _stopped(objective, wanted, [], sign * -heap[0][0])
    outcome = Outcome(best.top if proved else max(best.top, -heap[0][0]), proved)
    classes = _Classes(np.arange(wanted.n), Wanted(wanted.n, wanted.k), copies=1)
    return _assemble(best, outcome, classes, ItemGrowth(amount), wanted, top, sign)
