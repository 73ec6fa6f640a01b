"""What every search fills: the best sets found so far, their ties, and the value to beat."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mslt_cli.search import Floats, Ints

TIE = 1e-9
"""Values that differ by no more than this are the same value (DESIGN.md, JSON contract)."""


def most_rows(k: int) -> int:
    """How many combinations of k a search keeps and lists at most: what each costs grows with its pairs."""
    return max(10, 40_000_000 // k**2)


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


class BestSets:
    """The sets worth at least as much as the `want`-th best one, ties included.

    A set stands for `copies` combinations (equal languages are searched once), so the value to
    beat, `floor`, is the one at which the copies add up to `want`. At most `cap` sets are kept;
    where more tie at the floor, ties are no longer collected and `ties_dropped` says so.
    """

    def __init__(
        self, want: int, copies: Callable[[tuple[int, ...]], int] = lambda items: 1, cap: int = 20_000
    ) -> None:
        self.want = want
        self.copies = copies
        self.cap = cap
        self.top = -np.inf  # value of the best set so far
        self.floor = -np.inf
        self.ties_dropped = False
        self._sets: dict[tuple[int, ...], tuple[float, int]] = {}
        self._pending = 0

    @property
    def must_reach(self) -> float:
        """A set below this value is of no use, whatever else is found."""
        return self.floor + TIE if self.ties_dropped else self.floor - TIE

    def add(self, values: Floats, sets: Ints) -> None:
        """Offer sets: values of shape (b,), items of shape (b, k)."""
        useful = np.flatnonzero(values >= self.must_reach)
        useful = useful[np.argsort(-values[useful], kind="stable")]
        # Best first, and a few at a time: the bar rises with them, and most of a large offer never gets a look.
        step = max(64, self.want)
        for at in range(0, len(useful), step):
            part = useful[at : at + step]
            if values[part[0]] < self.must_reach:
                return
            for value, row in zip(values[part].tolist(), np.sort(sets[part], axis=1).tolist(), strict=True):
                items = tuple(row)
                if value >= self.must_reach and items not in self._sets and (count := self.copies(items)):
                    self._sets[items] = (value, count)
                    self._pending += 1
                    self.top = max(self.top, value)
            if self._pending > len(self._sets) // 8:  # each sort of the kept sets pays for many additions
                self._raise_floor()

    def _raise_floor(self) -> None:
        self._pending = 0
        ordered = sorted(((value, count) for value, count in self._sets.values()), reverse=True)
        covered = 0
        for value, count in ordered:
            covered += count
            if covered >= self.want:
                self.floor = max(self.floor, value)
                break
        self._sets = {s: v for s, v in self._sets.items() if v[0] >= self.floor - TIE}
        if len(self._sets) > self.cap:
            self.ties_dropped = True
            above = {s: v for s, v in self._sets.items() if v[0] > self.floor + TIE}
            at_floor = sorted(s for s in self._sets if s not in above)[: self.cap // 2]
            self._sets = above | {s: self._sets[s] for s in at_floor}

    def sorted(self) -> list[tuple[float, tuple[int, ...], int]]:
        """All kept sets as (value, items, copies), best first, equal values by items."""
        self._raise_floor()
        rows = [(value, items, count) for items, (value, count) in self._sets.items()]
        return sorted(rows, key=lambda row: (-row[0], row[1]))


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
