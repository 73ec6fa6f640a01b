"""The first sets, in lexicographic order, that reach a known value: how ties too many to list are shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import TIE
from mslt_cli.search.constraints import Wanted

Floats = NDArray[np.float64]
State = TypeVar("State")


class Growth(Protocol[State]):
    """How the value of a set grows with its members."""

    def start(self) -> State:
        """The empty set."""

    def add(self, state: State, item: int) -> State:
        """The set and one more item."""

    def reach(self, state: State, first: int, missing: int) -> float:
        """Upper bound on the value with `missing` more items, all at positions ≥ `first`."""


class SumGrowth:
    """Sums of pair gains; `row(i)` gives the gains of item i with all n items."""

    def __init__(self, n: int, k: int, row: Callable[[int], Floats], largest: float) -> None:
        self.n, self.k, self.row, self.largest = n, k, row, largest

    def start(self) -> tuple[float, Floats]:
        return 0.0, np.zeros(self.n)

    def add(self, state: tuple[float, Floats], item: int) -> tuple[float, Floats]:
        worth, gains = state
        return worth + float(gains[item]), gains + self.row(item)

    def reach(self, state: tuple[float, Floats], first: int, missing: int) -> float:
        worth, gains = state
        later = gains[first:]
        if len(later) < missing:
            return -np.inf
        best = float(np.partition(later, len(later) - missing)[len(later) - missing :].sum()) if missing else 0.0
        return worth + best + 0.5 * missing * (missing - 1) * self.largest


class MinGrowth:
    """Smallest pair gain."""

    def __init__(self, n: int, row: Callable[[int], Floats]) -> None:
        self.n, self.row = n, row

    def start(self) -> tuple[float, Floats]:
        return np.inf, np.full(self.n, np.inf)

    def add(self, state: tuple[float, Floats], item: int) -> tuple[float, Floats]:
        worth, gains = state
        return min(worth, float(gains[item])), np.minimum(gains, self.row(item))

    def reach(self, state: tuple[float, Floats], first: int, missing: int) -> float:
        worth, gains = state
        later = gains[first:]
        if len(later) < missing:
            return -np.inf
        return min(worth, float(np.partition(later, len(later) - missing)[len(later) - missing])) if missing else worth


class ItemGrowth:
    """Sums of single amounts."""

    def __init__(self, amount: Floats) -> None:
        self.amount = amount

    def start(self) -> float:
        return 0.0

    def add(self, state: float, item: int) -> float:
        return state + float(self.amount[item])

    def reach(self, state: float, first: int, missing: int) -> float:
        later = self.amount[first:]
        if len(later) < missing:
            return -np.inf
        return state + (
            float(np.partition(later, len(later) - missing)[len(later) - missing :].sum()) if missing else 0.0
        )


class LabelGrowth:
    """Number of distinct labels."""

    def __init__(self, label: NDArray[np.int64]) -> None:
        self.label = label

    def start(self) -> frozenset[int]:
        return frozenset()

    def add(self, state: frozenset[int], item: int) -> frozenset[int]:
        return state | {int(self.label[item])}

    def reach(self, state: frozenset[int], first: int, missing: int) -> float:
        if len(self.label) - first < missing:
            return -np.inf
        new = set(self.label[first:].tolist()) - state
        return float(len(state) + min(missing, len(new)))


def first_in_order(
    growth: Growth[State], wanted: Wanted, value: float, want: int, deadline: float | None = None
) -> list[tuple[int, ...]]:
    """The lexicographically first `want` sets whose value is `value` to within a tie."""
    found: list[tuple[int, ...]] = []
    fixed = sorted(wanted.fixed)

    def visit(items: tuple[int, ...], state: State, first: int) -> bool:
        """Extend by positions ≥ first; False once enough is found."""
        missing = wanted.k - len(items)
        if missing == 0:
            if abs(growth.reach(state, first, 0) - value) <= TIE:
                found.append(items)
            return len(found) < want
        due = [f for f in fixed if f >= first]  # fixed items that are still to come
        stop = due[0] if due else wanted.n - 1
        for item in range(first, stop + 1):
            if len(due) - (item in fixed) > missing - 1:
                continue
            grown = (*items, item)
            if wanted.caps and not wanted.permits(np.array([grown]))[0]:
                continue
            after = growth.add(state, item)
            if growth.reach(after, item + 1, missing - 1) < value - TIE:
                continue
            if not visit(grown, after, item + 1):
                return False
            if deadline is not None and time.monotonic() > deadline:
                return False
        return True

    visit((), growth.start(), 0)
    return found
