"""Exact search where the vectors have few dimensions, as geography has: three hold 99 % of its variance.

There the relaxation behind `branch_and_bound` can balance almost any partial set exactly, so its
bounds come close to the optimum and prune nothing. But the same identity gives another search. With
`gain_ij = ½‖z_i − z_j‖²` and any point y,

    value(C) = Σ_{i∈C} a_i − ½ ‖Σ_{i∈C} r_i‖²,    r_i = z_i − y/k,   a_i = ½k‖z_i‖² − y·z_i + ‖y‖²/2k:

a wanted set is a first half and a second half whose sums of r nearly cancel. The second halves are put
into the cells of a grid over the three main dimensions; each cell learns the most that any second half
near it can earn; first halves that can't reach the wanted value even so are dropped, and the others are
joined with the second halves of the cells around their mirror image.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from math import comb

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import BestSets
from mslt_cli.search.branch_and_bound import Outcome, PairwiseProblem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DIMENSIONS = 3
_MOST_FIRST = 40_000_000  # first halves: about 5 s
_MOST_SECOND = 2_000_000  # second halves: held in memory at once
_BLOCK = 400_000


def is_flat(vectors: Floats, k: int) -> bool:
    """Whether `meet_in_the_middle` suits these unit vectors, shape (n, d), and sets of k."""
    n = len(vectors)
    if (
        not 3 <= k <= 6
        or vectors.shape[1] < DIMENSIONS
        or comb(n, (k + 1) // 2) > _MOST_FIRST
        or comb(n, k // 2) > _MOST_SECOND
    ):
        return False
    some = vectors[:: max(1, n // 300)]
    spread = np.linalg.svd(some - some.mean(axis=0), compute_uv=False) ** 2
    return float(spread[:DIMENSIONS].sum()) >= 0.95 * float(spread.sum())


def meet_in_the_middle(
    problem: PairwiseProblem, vectors: Floats, best: BestSets, deadline: float | None = None
) -> Outcome:
    """Fill `best` with the sets of highest value; exact unless `deadline` comes first.

    Args:
        problem: `gain` is `½‖u_i − u_j‖²` of the rows of `vectors`; nothing fixed, no caps.
        vectors: shape (n, d).
        best: holds good sets already (see `swap_search`): they are the bar that makes this fast.
        deadline: a `time.monotonic()` value.
    """
    k = problem.k
    a, r = _balance(vectors, k)
    bound = float(np.sort(a)[::-1][:k].sum())
    centred = r - r.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, -DIMENSIONS:]  # the main dimensions, shape (d, 3)
    p = r @ axes  # (n, 3)
    # How far from zero the sum of a wanted set can be; no farther than k times the longest r.
    longest = k * float(np.sqrt((p**2).sum(axis=1).max()))
    radius = min(float(np.sqrt(2 * max(bound - best.must_reach, 1e-12))), longest) + 1e-9
    second = _Grid(a, p, k // 2, radius, best.must_reach - _largest(a, k - k // 2))
    for sets in _blocks(len(a), k - k // 2):
        if deadline is not None and time.monotonic() > deadline:
            return Outcome(bound, False)
        earned = _sum_over(a, sets)
        keep = earned >= best.must_reach - second.most
        sets, earned = sets[keep], earned[keep]
        place = _sum_over(p, sets)
        keep = earned + second.most_near(-place) >= best.must_reach
        for found in second.join(sets[keep], earned[keep], place[keep], best, deadline):
            found = np.sort(found, axis=1)
            found = found[(np.diff(found, axis=1) > 0).all(axis=1)]
            if len(found):
                best.add(problem.value(found), found)
        if deadline is not None and time.monotonic() > deadline:
            return Outcome(bound, False)  # the join may have stopped half-way
    return Outcome(best.top, True)


def _balance(vectors: Floats, k: int) -> tuple[Floats, Floats]:
    """The a (n,) and r (n, d) of the module's identity, with the y that bounds the value best."""
    z = vectors - vectors.mean(axis=0)
    base = 0.5 * k * (z**2).sum(axis=1)
    y = np.zeros(z.shape[1])
    best_bound, best_y = np.inf, y
    for step in range(min(3_000, max(400, 600_000 // len(z)))):  # each costs one product of (n, d)
        price = base - z @ y
        top = np.argpartition(-price, k - 1)[:k]
        bound = float(price[top].sum()) + 0.5 * float(y @ y)
        if bound < best_bound:
            best_bound, best_y = bound, y
        y = y + 2.0 / (step + 2) * (z[top].sum(axis=0) - y)
    a = base - z @ best_y + float(best_y @ best_y) / (2 * k)
    return a, z - best_y / k


def _sum_over(values: Floats, sets: Ints) -> Floats:
    """Sums of the sets' rows of `values`, (n, ...) → (b, ...); a loop, for numpy is slow along an axis of three."""
    total: Floats = values[sets[:, 0]]
    for j in range(1, sets.shape[1]):
        total = total + values[sets[:, j]]
    return total


def _largest(a: Floats, size: int) -> float:
    return float(np.sort(a)[::-1][:size].sum())


def _blocks(n: int, size: int) -> Iterator[Ints]:
    """All sets of `size` (1, 2 or 3) out of n, in blocks of about `_BLOCK` rows."""
    if size == 1:
        yield np.arange(n)[:, None]
        return
    pending: list[Ints] = []
    rows = 0
    for first in range(n - size + 1):
        later = np.arange(first + 1, n)
        if size == 2:
            tails = later[:, None]
        else:
            i, j = np.triu_indices(len(later), 1)
            tails = np.column_stack([later[i], later[j]])
        pending.append(np.column_stack([np.full(len(tails), first), tails]))
        rows += len(tails)
        if rows >= _BLOCK:
            yield np.concatenate(pending)
            pending, rows = [], 0
    if pending:
        yield np.concatenate(pending)


class _Grid:
    """Second halves in the cells of a grid over the three main dimensions."""

    def __init__(self, a: Floats, p: Floats, size: int, radius: float, worth_keeping: float) -> None:
        kept: list[tuple[Ints, Floats]] = []
        for sets in _blocks(len(a), size):
            earned = _sum_over(a, sets)
            keep = earned >= worth_keeping
            kept.append((sets[keep], earned[keep]))
        self.sets = np.concatenate([sets for sets, _ in kept])
        self.earned = np.concatenate([earned for _, earned in kept])
        self.place = _sum_over(p, self.sets)
        self.most = float(self.earned.max(initial=-np.inf))
        spread = np.ptp(self.place, axis=0) if len(self.place) else np.ones(DIMENSIONS)
        # Cells as fine as the radius asks for, as long as the grid stays in proportion to what it holds.
        cells_allowed = min(150_000, 1_000 + 100 * len(self.sets))
        self.cell = max(radius / 4, float(np.prod(spread + 2 * radius) / cells_allowed) ** (1 / 3))
        self.reach = int(np.ceil(radius / self.cell)) + 1
        self.low = self.place.min(axis=0, initial=0.0) - self.cell * self.reach
        self.shape = np.ceil(spread / self.cell).astype(int) + 2 * self.reach + 2
        cells = self._cell_of(self.place)
        order = np.argsort(cells, kind="stable")
        self.sets, self.earned, self.place = self.sets[order], self.earned[order], self.place[order]
        self.starts = np.searchsorted(cells[order], np.arange(int(np.prod(self.shape)) + 1))
        self.near = self._spread(cells[order])

    def _cell_of(self, place: Floats) -> Ints:
        index = np.floor((place - self.low) / self.cell).astype(np.int64)
        index = np.clip(index, 0, self.shape - 1)
        cell: Ints = (index[:, 0] * self.shape[1] + index[:, 1]) * self.shape[2] + index[:, 2]
        return cell

    def _offsets(self) -> list[tuple[tuple[int, ...], float]]:
        """Steps to the cells within the radius, each with half the squared distance between the boxes."""
        span = range(-self.reach, self.reach + 1)
        rows: list[tuple[tuple[int, ...], float]] = [
            (step, 0.5 * sum((max(0, abs(s) - 1) * self.cell) ** 2 for s in step)) for step in product(span, repeat=3)
        ]
        return sorted(rows, key=lambda row: row[1])

    def _spread(self, cells: Ints) -> Floats:
        """The most that a second half can earn with a first half mirrored into each cell, shape (cells,)."""
        own = np.full(int(np.prod(self.shape)), -np.inf)
        np.maximum.at(own, cells, self.earned)
        grid = own.reshape(self.shape)
        # ½ × squared distance adds up over the axes, so the spreading is done one axis at a time.
        for axis in range(DIMENSIONS):
            out = grid.copy()
            for step in range(1, self.reach + 1):
                loss = 0.5 * (max(0, step - 1) * self.cell) ** 2
                to, at = [slice(None)] * 3, [slice(None)] * 3
                to[axis], at[axis] = slice(step, None), slice(None, -step)
                np.maximum(out[tuple(to)], grid[tuple(at)] - loss, out=out[tuple(to)])
                np.maximum(out[tuple(at)], grid[tuple(to)] - loss, out=out[tuple(at)])
            grid = out
        return grid.ravel()

    def most_near(self, mirrored: Floats) -> Floats:
        """Bound on what any second half adds to first halves with these mirror images, (b, 3) → (b,)."""
        inside = ((mirrored >= self.low) & (mirrored < self.low + self.shape * self.cell)).all(axis=1)
        return np.where(inside, self.near[self._cell_of(mirrored)], -np.inf)

    def join(self, sets: Ints, earned: Floats, place: Floats, best: BestSets, deadline: float | None) -> Iterator[Ints]:
        """Whole sets that reach the bar in three dimensions, as blocks of shape (b, k)."""
        if not len(sets):
            return
        cells = self._cell_of(-place)
        stride = np.array([self.shape[1] * self.shape[2], self.shape[2], 1])
        total = len(self.starts) - 1
        for step, loss in self._offsets():
            late = deadline is not None and time.monotonic() > deadline
            if late or loss > earned.max() + self.most - best.must_reach:
                break
            target = cells + int(np.dot(step, stride))
            fine = (target >= 0) & (target < total) & (earned + self.most - loss >= best.must_reach)
            rows = np.flatnonzero(fine)
            begin, count = self.starts[target[rows]], self.starts[target[rows] + 1] - self.starts[target[rows]]
            some = count > 0
            rows, begin, count = rows[some], begin[some], count[some]
            if not len(rows):
                continue
            which = np.repeat(np.arange(len(rows)), count)
            other = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count) + begin[which]
            first = rows[which]
            bound = earned[first] + self.earned[other]
            keep = bound >= best.must_reach
            first, other, bound = first[keep], other[keep], bound[keep]
            bound -= 0.5 * ((place[first] + self.place[other]) ** 2).sum(axis=1)
            keep = bound >= best.must_reach
            if keep.any():
                yield np.concatenate([sets[first[keep]], self.sets[other[keep]]], axis=1)
