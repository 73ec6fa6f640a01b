"""The first sets, in lexicographic order, that reach a known value: how ties too many to list are shown."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Any, Protocol, TypeVar

import numpy as np

from mslt_cli.search import Floats
from mslt_cli.search.best import TIE
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.problem import Problem

State = TypeVar("State")
TIES_TO_LIST, COUNTED_IN_S = 1_000, 0.3
"""Ties that `list_ties` counts beyond those that were asked for, and the time that it takes for that."""


class Growth(Protocol[State]):
    """How the value of a set grows with its members."""

    def start(self) -> State:
        """The empty set."""

    def add(self, state: State, item: int) -> State:
        """The set and one more item."""

    def reach(self, state: State, first: int, missing: int) -> float:
        """Upper bound on the value with `missing` more items, of the positions ≥ `first`; exact with none."""


@dataclass
class PartialSet:
    """A set as it is listed. What others would add is worked out when it is needed: most sets need it never."""

    problem: Problem
    chosen: tuple[int, ...]
    worth: float
    before: PartialSet | None = None  # the set without its last item

    @cached_property
    def linear(self) -> Floats:
        """What each item adds by its amount and its distances, shape (n,)."""
        every = np.arange(self.problem.wanted.n)
        if self.before is None:
            return self.problem.linear(np.array(self.chosen, dtype=np.int64), every)
        return self.before.linear + self.problem.pair_sums(np.array(self.chosen[-1:]), every)

    @cached_property
    def covered(self) -> Floats:
        """What each item would newly cover, shape (n,)."""
        if self.problem.cover is None and self.before is not None:
            return self.before.covered
        return self.problem.covered(np.array(self.chosen, dtype=np.int64), np.arange(self.problem.wanted.n))


class SetGrowth:
    """Growth of what a problem makes of its sets."""

    def __init__(self, problem: Problem, floor: float = -np.inf) -> None:
        self.problem = problem
        self.floor = floor  # sets below it need no sharp bound: nobody will list them
        self.sign = -1.0 if problem.cover_weight < 0 else 1.0

    @cached_property
    def largest_pair(self) -> float:
        return self.problem.largest_pair

    def start(self) -> PartialSet:
        worth = float(self.problem.values(np.zeros((1, 0), dtype=np.int64))[0])
        return PartialSet(self.problem, (), worth)

    def add(self, state: PartialSet, item: int) -> PartialSet:
        worth = state.worth + float(state.linear[item]) + self.sign * float(state.covered[item])
        return PartialSet(self.problem, (*state.chosen, item), worth, state)

    def reach(self, state: PartialSet, first: int, missing: int) -> float:
        if not missing:
            return state.worth
        pairs = comb(missing, 2) * self.largest_pair
        if self.sign > 0 and state.before is not None:
            # Gains of others grow by their pairs with the last item at most, so those before it bound what follows.
            before = (state.before.linear + state.before.covered)[first:]
            loose = state.worth + pairs + missing * max(0.0, self.largest_pair) + sum_of_largest(before, missing)
            if loose < self.floor - 2 * TIE:
                return loose
        linear, covered = state.linear[first:], state.covered[first:]
        if self.sign > 0:
            return state.worth + pairs + sum_of_largest(linear + covered, missing)
        return state.worth + pairs - float(np.sort(covered)[missing - 1]) + sum_of_largest(linear, missing)


class MinGrowth:
    """Smallest pair distance; `row(i)` gives the distances of item i from all n items."""

    def __init__(self, n: int, row: Callable[[int], Floats]) -> None:
        self.n, self.row = n, row

    def start(self) -> tuple[float, Floats]:
        return np.inf, np.full(self.n, np.inf)

    def add(self, state: tuple[float, Floats], item: int) -> tuple[float, Floats]:
        worth, nearest = state
        return min(worth, float(nearest[item])), np.minimum(nearest, self.row(item))

    def reach(self, state: tuple[float, Floats], first: int, missing: int) -> float:
        worth, nearest = state
        return min(worth, float(np.partition(nearest[first:], -missing)[-missing])) if missing else worth


def sum_of_largest(values: Floats, count: int) -> float:
    """Sum of the `count` largest."""
    return float(np.partition(values, -count)[-count:].sum()) if count else 0.0


def first_in_order(
    growth: Growth[Any], wanted: Wanted, value: float, want: int, deadline: float | None = None
) -> list[tuple[int, ...]]:
    """The lexicographically first `want` sets whose value is `value` to within a tie; fewer after the deadline."""
    fixed, found, chosen = sorted(wanted.fixed), list[tuple[int, ...]](), list[int]()
    held = [Counter[int]() for _ in wanted.caps]
    levels: list[tuple[Any, int, Iterator[int]]] = []  # a set, the fixed items that are still to come, what may join

    def open_level(state: Any, first: int) -> None:
        place = bisect_left(fixed, first)
        last = min([*fixed[place : place + 1], wanted.n - wanted.k + len(chosen)])
        levels.append((state, len(fixed) - place, iter(range(first, last + 1))))

    def count(item: int, more: int) -> None:
        for cap, had in zip(wanted.caps, held, strict=True):
            had[int(cap.labels[item])] += more

    open_level(growth.start(), 0)
    while levels:
        state, due, items = levels[-1]
        item, missing = next(items, None), wanted.k - len(chosen) - 1
        if item is None:
            levels.pop()
            if chosen:
                count(chosen.pop(), -1)
            continue
        if due - (due > 0 and item == fixed[-due]) > missing:
            continue
        if any(had[int(cap.labels[item])] >= cap.most for cap, had in zip(wanted.caps, held, strict=True)):
            continue
        if deadline is not None and time.monotonic() > deadline:
            break
        after = growth.add(state, item)
        worth = growth.reach(after, item + 1, missing)
        if missing and worth >= value - TIE:
            chosen.append(item)
            count(item, 1)
            open_level(after, item + 1)
        elif not missing and abs(worth - value) <= TIE:
            found.append((*chosen, item))
            if len(found) == want:
                break
    return found


def list_ties(
    growth: Growth[Any], wanted: Wanted, value: float, want: int, deadline: float
) -> tuple[list[tuple[int, ...]], int | None]:
    """The sets of `first_in_order`, and how many there are in all; None: too many to list, or the time was up."""
    sets = first_in_order(growth, wanted, value, want, deadline)
    every, soon = sets, deadline
    if len(sets) == want and want <= TIES_TO_LIST:
        soon = min(deadline, time.monotonic() + COUNTED_IN_S)
        every = first_in_order(growth, wanted, value, TIES_TO_LIST + 1, soon)
    known = time.monotonic() <= soon and len(every) < max(want, TIES_TO_LIST + 1)
    return sets, len(every) if known else None
