"""Exact search for the best sets of a pairwise objective, without enumerating them.

A set C of k items is worth `Σ_{i<j∈C} gain_ij`. Sets are grown one item at a
time, many partial sets in each numpy call, and a partial set is dropped when an upper bound on all
its completions is below the value of the worst set that is still wanted. Two bounds are used.

*Convex.* As a function of the 0/1 vector x, the value is `½ xᵀ gain x`. With
`M = λI − gain` positive semidefinite on the plane `Σx = k` (for `gain = 1 − cos` it is so with
λ = 0: there `gain_ij = ½‖u_i − u_j‖²`), any y in that plane gives
`value(x) ≤ ½λk + ½ yᵀMy − Σ_i x_i (My)_i`: a price for each item. The k lowest prices bound
all sets; Frank-Wolfe steps (toward the set of lowest prices, exact line search) improve y, and
each partial set improves the y of its parent.

*Pairwise.* A completion t of a partial set S earns at most `Σ_{i∈S} gain_it + ½` (the largest gains
that t has). This is the sharper one where few items are missing, and the only one where the
objective isn't concave (`--least`).

Pairs of items that no wanted set can hold together are struck out before the tree grows, repeatedly,
since each strike lowers the others' bounds. The items are then sorted into *classes* of which any two
members are struck: a set holds at most one item of a class, and that sharpens the convex bound most
(near-copies, say the Germanic languages, can no longer share a fractional place).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import Collector
from mslt_cli.search.constraints import Caps, keeps_to

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STRUCK = -1e6
"""Gain of a pair that no wanted set holds; far below any sum of real gains."""

_DENSE = 700  # items up to which partial sets are rows of (b, n) arrays; above, one tree per first item
_ROWS = 500  # of a pair matrix at a time: copies of a whole one would cost gigabytes in the largest pools
_CELLS = 100_000  # numbers per array of one chunk of partial sets: 800 kB stay in the cache


@dataclass(frozen=True)
class PairwiseProblem:
    """Which k of n items are worth most.

    Attributes:
        gain: what a pair adds, shape (n, n), symmetric, zero diagonal.
        k: size of a set, `fixed` included.
        curvature: the λ of the convex bound; None where that bound is of no use.
        fixed: items that every set holds.
        caps: how many items with the same label a set may hold.
    """

    gain: Floats
    k: int
    curvature: float | None = 0.0
    fixed: tuple[int, ...] = ()
    caps: tuple[Caps, ...] = field(default=())

    def value(self, sets: Ints) -> Floats:
        """Worth of sets of any one size, shape (b, s) → (b,)."""
        total = np.zeros(len(sets))
        for j in range(1, sets.shape[1]):
            for i in range(j):
                total = total + self.gain[sets[:, i], sets[:, j]]
        return total

    def permits(self, sets: Ints) -> NDArray[np.bool_]:
        """Which sets keep to the caps, shape (b, s) → (b,)."""
        return keeps_to(self.caps, sets)


@dataclass
class Outcome:
    """How far a search came: no set is worth more than `bound`; `proved` if none was left out."""

    bound: float
    proved: bool
    nodes: int = 0


def branch_and_bound(problem: PairwiseProblem, best: Collector, deadline: float | None = None) -> Outcome:
    """Fill `best` with the sets of highest value; exact unless `deadline` comes first.

    Args:
        problem: the objective and its constraints.
        best: collects the sets; what it already holds raises the bar from the start.
        deadline: a `time.monotonic()` value to stop at with the best found so far.

    Returns:
        The outcome: an upper bound on every set's value, and whether `best` is proved complete.
    """
    return _Tree(problem, best, deadline).run()


@dataclass
class _Nodes:
    """Partial sets of one size s over n items; every array's row belongs to one of them."""

    sets: Ints  # (b, s)
    worth: Floats  # (b,) value of the partial set
    gains: Floats  # (b, n) what each candidate adds; below STRUCK / 2 where it is none
    field: Floats  # (b, n) My, a price for each item
    energy: Floats  # (b,) yᵀMy
    bound: Floats  # (b,) no completion is worth more

    def __len__(self) -> int:
        return len(self.sets)

    def take(self, which: NDArray[np.bool_] | Ints | slice) -> _Nodes:
        return _Nodes(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


class _Tree:
    """The search below one set of fixed items, over a shrinking list of items."""

    def __init__(self, problem: PairwiseProblem, best: Collector, deadline: float | None) -> None:
        self.problem = problem
        self.best = best
        self.deadline = deadline
        self.nodes = 0
        self.bound = np.inf
        self.fixed_ids = np.array(problem.fixed, dtype=np.int64)
        self.use(np.arange(len(problem.gain)))
        self.alive = ~np.eye(self.n, dtype=bool)
        for cap in problem.caps:
            if cap.most == 1:
                self.alive &= cap.labels[:, None] != cap.labels[None, :]

    @property
    def need(self) -> float:
        """Partial sets and sets below this value are of no use."""
        return max(self.best.must_reach, STRUCK / 2)

    @property
    def late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def use(self, items: Ints) -> None:
        """Restrict to these items (ids of the problem) in this order; local ids run 0..n-1."""
        self.items = items
        self.n = len(items)
        everything = self.n == len(self.problem.gain) and bool((items == np.arange(self.n)).all())
        self.gain = self.problem.gain if everything else self.problem.gain[np.ix_(items, items)]
        self.fixed = np.flatnonzero(np.isin(items, self.fixed_ids))
        self.labels = [cap.labels[items] for cap in self.problem.caps]

    def reorder(self, order: Ints) -> None:
        self.use(self.items[order])
        self.alive = self.alive[np.ix_(order, order)]

    def run(self) -> Outcome:
        p = self.problem
        missing = p.k - len(self.fixed_ids)
        if missing == 0:
            self._offer(self.fixed[None])
            return Outcome(self.best.top, True)
        if missing == 1:
            self._offer(np.array([[*self.fixed, t] for t in range(self.n) if t not in self.fixed]))
            return Outcome(self.best.top, True)
        if not self._strike():
            return Outcome(self.best.top, True)
        if self.n > _DENSE and missing > 2:
            return self._one_tree_per_item()
        return self._grow()

    # -- striking pairs ----------------------------------------------------------------------------

    def _strike(self) -> bool:
        """Strike pairs and items until little changes; False if no wanted set is left to be found."""
        p = self.problem
        missing = p.k - len(self.fixed_ids)
        convex = p.curvature is not None and missing >= 3
        if convex and self.n > _DENSE:
            self._strike_by_root_prices(missing)
        for _ in range(12):
            before = int(self.alive.sum())
            self._strike_by_pairs()
            self._strike_by_caps()
            if not self._shrink():
                return False
            if convex and self.n <= _DENSE and not self.late:
                self._sort_into_classes()
                self._strike_by_prices()
                if not self._shrink():
                    return False
            if self.alive.sum() > 0.97 * before or self.late:
                break
        return True

    def _strike_by_root_prices(self, missing: int, steps: int = 400) -> None:
        """One relaxation for all sets, where one for each item would cost too much; each step reads k rows."""
        curvature = self.problem.curvature or 0.0
        free = np.ones(self.n, dtype=bool)
        free[self.fixed] = False
        vertex = np.concatenate([self.fixed, np.flatnonzero(free)[:missing]])
        y = np.zeros(self.n)
        y[vertex] = 1.0
        field_ = curvature * y - self.gain[vertex].sum(axis=0)
        energy = float(y @ field_)
        lowest_bound, prices = np.inf, field_
        for _ in range(steps):
            low = np.argpartition(np.where(free, field_, np.inf), missing - 1)[:missing]
            vertex = np.concatenate([self.fixed, low])
            toward = float(field_[vertex].sum())
            bound = 0.5 * curvature * self.problem.k + 0.5 * energy - toward
            if bound < lowest_bound:
                lowest_bound, prices, lowest_energy = bound, field_, energy
            v_field = -self.gain[vertex].sum(axis=0)
            v_field[vertex] += curvature
            bend = energy - 2 * toward + float(v_field[vertex].sum())
            if energy - toward < 1e-9 or bend <= 0:
                break
            size = min(1.0, (energy - toward) / bend)
            field_ = (1 - size) * field_ + size * v_field
            energy = (1 - size) ** 2 * energy + 2 * size * (1 - size) * toward + size**2 * float(v_field[vertex].sum())
        self.bound = min(self.bound, lowest_bound)
        cheapest = np.sort(prices[free])[: missing - 2].sum()
        constant = 0.5 * curvature * self.problem.k + 0.5 * lowest_energy - float(prices[self.fixed].sum())
        spare = constant - cheapest - self.need
        prices = np.where(free, prices, -np.inf)  # the fixed items are in every set: never a reason to strike
        for at in range(0, self.n, _ROWS):
            self.alive[at : at + _ROWS] &= prices[at : at + _ROWS, None] + prices[None, :] <= spare

    def _strike_by_caps(self) -> None:
        """Items that the fixed ones leave no room for."""
        for cap, labels in zip(self.problem.caps, self.labels, strict=True):
            held, counts = np.unique(labels[self.fixed], return_counts=True)
            full = np.isin(labels, held[counts >= cap.most])
            full[self.fixed] = False
            self.alive[full] = False
            self.alive[:, full] = False

    def _shrink(self) -> bool:
        """Drop items that lack partners, or that a fixed item is struck with."""
        k, fixed, alive = self.problem.k, self.fixed, self.alive
        among = alive[np.ix_(fixed, fixed)]
        if among.sum() < len(fixed) * (len(fixed) - 1):
            return False
        keep = alive.sum(axis=1) >= k - 1
        for f in fixed:
            keep &= alive[f] | (np.arange(self.n) == f)
        if keep[fixed].sum() < len(fixed):
            return False
        if keep.sum() < k:
            return False
        if not keep.all():
            self.reorder(np.flatnonzero(keep))
        return True

    def _strike_by_pairs(self) -> None:
        """Pairs whose best partners together are worth too little; see the module's *pairwise* bound."""
        k, n = self.problem.k, self.n
        blocks = [slice(at, at + _ROWS) for at in range(0, n, _ROWS)]
        best = np.empty((n, k - 1))  # of each item, the gains with its best 1, 2, ... k − 1 partners, summed
        for rows in blocks:
            edge = np.where(self.alive[rows], self.gain[rows], STRUCK)
            edge.partition(n - (k - 1), axis=1)
            best[rows] = np.cumsum(np.sort(edge[:, n - (k - 1) :], axis=1)[:, ::-1], axis=1)
        whole = np.sort(best[:, -1])[::-1]
        self.bound = min(self.bound, 0.5 * float(whole[:k].sum()))
        some = best[:, k - 3] if k > 2 else np.zeros(n)
        need, rest = self.need, 0.5 * float(whole[: k - 2].sum())
        for rows in blocks:
            # ½ Σ_t Σ_u edge_tu over the set: i and j have each other and k − 2 more, the others k − 1.
            with_both = 0.5 * (some[rows, None] + some[None, :]) + self.gain[rows]
            self.alive[rows] &= with_both >= need - rest
            if k == 3:  # sharper: the third item's two edges are i's and j's own
                self.alive[rows] &= with_both + 0.5 * (some[rows, None] + some[None, :]) >= need

    def _sort_into_classes(self) -> None:
        """Greedy partition into classes whose members are pairwise struck; fixed items come first, alone."""
        n = self.n
        label = np.full(n, -1)
        label[self.fixed] = np.arange(len(self.fixed))
        room: list[NDArray[np.bool_]] = []  # per class: who is struck with all its members
        for item in np.argsort(self.alive.sum(axis=1), kind="stable")[::-1]:
            if label[item] >= 0:
                continue
            for c, struck in enumerate(room):
                if struck[item]:
                    label[item] = len(self.fixed) + c
                    struck &= ~self.alive[item]
                    break
            else:
                label[item] = len(self.fixed) + len(room)
                room.append(~self.alive[item])
        order = np.argsort(label, kind="stable")
        self.reorder(order)
        self._set_classes(label[order])

    def _set_classes(self, labels: Ints) -> None:
        self.starts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
        self.class_of = np.cumsum(np.append(False, labels[1:] != labels[:-1]))

    def _strike_by_prices(self) -> None:
        """One relaxation per item, over the sets that hold it; strikes the pairs with a low bound."""
        p, n = self.problem, self.n
        held = np.eye(n)
        held[:, self.fixed] = 1.0
        rows = np.setdiff1d(np.arange(n), self.fixed)
        held = held[rows]
        open_ = self.alive[rows] & (held == 0)
        missing = p.k - len(self.fixed) - 1
        start = held + open_ * (missing / np.maximum(open_.sum(axis=1), 1))[:, None]
        matrix = self._matrix()
        field_ = start @ matrix
        energy = (start * field_).sum(axis=1)
        field_, energy, bound = self._relax(held, open_, missing, field_, energy, steps=60)
        self.bound = min(self.bound, float(bound.max()))
        pair = self._bounds_with_one_more(held, open_, missing, field_, energy)
        keep = np.ones((n, n), dtype=bool)
        keep[rows] = (pair >= self.need) | (held > 0)
        keep[np.ix_(rows, self.fixed)] = (bound >= self.need)[:, None]
        self.alive &= keep & keep.T

    # -- the convex bound ----------------------------------------------------------------------------

    def _matrix(self) -> Floats:
        return (self.problem.curvature or 0.0) * np.eye(self.n) - self.gain

    def _lowest(self, open_: NDArray[np.bool_], field_: Floats) -> tuple[Floats, Floats]:
        """Prices of the candidates (inf elsewhere) and the lowest of each class, (b, n) and (b, classes)."""
        prices = np.where(open_, field_, np.inf)
        return prices, np.minimum.reduceat(prices, self.starts, axis=1)

    def _relax(
        self, held: Floats, open_: NDArray[np.bool_], missing: int, field_: Floats, energy: Floats, steps: int
    ) -> tuple[Floats, Floats, Floats]:
        """Frank-Wolfe on y for a batch of partial sets; returns the field, energy and bound of each best y.

        Args:
            held: 1.0 for the items of each partial set, shape (b, n).
            open_: its candidates, shape (b, n).
            missing: how many items each lacks.
            field_: My of the start, shape (b, n); the start needs Σy = k, and no more.
            energy: yᵀMy of the start, shape (b,).
            steps: how many times y moves.
        """
        matrix = self._matrix()
        half = 0.5 * (self.problem.curvature or 0.0) * self.problem.k
        best_bound = np.full(len(held), np.inf)
        best_field, best_energy = field_.copy(), energy.copy()
        for step in range(steps + 1):
            prices, lowest = self._lowest(open_, field_)
            if lowest.shape[1] < missing:
                return best_field, best_energy, np.full(len(held), -np.inf)
            few = np.partition(lowest, missing - 1, axis=1)[:, :missing]
            toward = (held * field_).sum(axis=1) + few.sum(axis=1)  # vᵀMy of the vertex v
            bound = half + 0.5 * energy - toward
            better = bound < best_bound
            best_bound = np.where(better, bound, best_bound)
            best_field[better] = field_[better]
            best_energy[better] = energy[better]
            if step == steps:
                break
            vertex = held + (prices == np.where(lowest <= few.max(axis=1)[:, None], lowest, np.nan)[:, self.class_of])
            v_field = vertex @ matrix
            v_energy = (vertex * v_field).sum(axis=1)
            bend = np.maximum(energy - 2 * toward + v_energy, 1e-300)
            with np.errstate(invalid="ignore"):
                size = np.clip((energy - toward) / bend, 0.0, 1.0)
            # Equal prices may put more than `missing` items into v, which then lies off the plane Σ = k.
            size = np.where(np.isfinite(toward) & (vertex.sum(axis=1) == self.problem.k), size, 0.0)
            toward = np.where(size > 0, toward, 0.0)
            field_ = (1 - size)[:, None] * field_ + size[:, None] * v_field
            energy = (1 - size) ** 2 * energy + 2 * size * (1 - size) * toward + size**2 * v_energy
        return best_field, best_energy, best_bound

    def _bounds_with_one_more(
        self, held: Floats, open_: NDArray[np.bool_], missing: int, field_: Floats, energy: Floats
    ) -> Floats:
        """Bound on the completions that also hold t, for every candidate t; −inf elsewhere. Shape (b, n)."""
        constant = 0.5 * (self.problem.curvature or 0.0) * self.problem.k + 0.5 * energy - (held * field_).sum(axis=1)
        prices, lowest = self._lowest(open_, field_)
        if lowest.shape[1] < missing:
            return np.full(prices.shape, -np.inf)
        few = np.sort(np.partition(lowest, missing - 1, axis=1)[:, :missing], axis=1)
        all_few, fewer = few.sum(axis=1), few[:, :-1].sum(axis=1)
        # The cheapest others, one of each class but t's: skip t's class if it is among them.
        own = lowest[:, self.class_of]
        with np.errstate(invalid="ignore"):
            others = np.where(own <= few[:, -2:-1], all_few[:, None] - own, fewer[:, None]) if missing > 1 else 0.0
            bound = constant[:, None] - prices - others
        return np.where(np.isnan(bound), -np.inf, bound)

    # -- the tree ------------------------------------------------------------------------------------

    def _one_tree_per_item(self) -> Outcome:
        """Too many items for rows of (b, n): each item in turn is fixed, and those before it left out."""
        p = self.problem
        reach = np.where(self.alive, self.gain, 0.0).max(axis=1)
        order = [int(i) for i in np.argsort(-reach, kind="stable") if i not in self.fixed]
        open_ = np.ones(self.n, dtype=bool)
        for item in order:
            if self.late:
                return Outcome(max(self.bound, self.best.top), False, self.nodes)
            if self.bound < self.need:
                break
            rest = np.flatnonzero(open_ & self.alive[item])
            open_[item] = False
            rest = np.setdiff1d(rest, self.fixed)
            if len(rest) + len(self.fixed) + 1 < p.k:
                continue
            chosen = np.concatenate([self.fixed, [item]])
            if p.k - len(chosen) == 2:
                self._finish_pairs_of(chosen, rest)
                continue
            local = np.concatenate([chosen, rest])
            below = PairwiseProblem(
                self.gain[np.ix_(local, local)],
                p.k,
                p.curvature,
                tuple(range(len(chosen))),
                tuple(Caps(cap.labels[self.items[local]], cap.most) for cap in p.caps),
            )
            inner = _Tree(below, _Relabelled(self.best, self.items[local]), self.deadline)
            inner.alive &= self.alive[np.ix_(local, local)]
            outcome = inner.run()
            self.nodes += outcome.nodes
            if not outcome.proved:
                return Outcome(max(self.bound, self.best.top), False, self.nodes)
        return Outcome(self.best.top, True, self.nodes)

    def _finish_pairs_of(self, chosen: Ints, rest: Ints) -> None:
        """All pairs of `rest` that complete one partial set."""
        self.nodes += 1
        worth = float(self.problem.value(self.items[chosen][None])[0])
        gains = self.gain[chosen][:, rest].sum(axis=0)
        pair = self.gain[np.ix_(rest, rest)]
        reach = gains + 0.5 * pair.max(axis=1)
        good = reach + reach.max() >= self.need - worth
        rest, gains, pair = rest[good], gains[good], pair[np.ix_(good, good)]
        total = pair + gains[:, None] + gains[None, :]
        a, b = np.nonzero(np.triu((total >= self.need - worth) & self.alive[np.ix_(rest, rest)], 1))
        if len(a):
            self._offer(np.column_stack([np.repeat(chosen[None], len(a), axis=0), rest[a], rest[b]]))

    def _grow(self) -> Outcome:
        stack = [self._root()]
        fits = max(1, _CELLS // self.n)
        while stack:
            if self.late:
                open_bound = max(float(nodes.bound.max(initial=-np.inf)) for nodes in stack)
                return Outcome(max(min(open_bound, self.bound), self.best.top), False, self.nodes)
            nodes = stack.pop()
            nodes = nodes.take(nodes.bound >= self.need)
            if len(nodes) > fits:
                stack.append(nodes.take(slice(fits, None)))
                nodes = nodes.take(slice(0, fits))
            self.nodes += len(nodes)
            missing = self.problem.k - nodes.sets.shape[1]
            if missing == 2:
                self._finish_two(nodes)
            elif len(nodes):
                stack.extend(self._branch(nodes, missing))
        return Outcome(self.best.top, True, self.nodes)

    def _root(self) -> _Nodes:
        p, n, fixed = self.problem, self.n, self.fixed
        self.open_gain = np.where(self.alive, self.gain, STRUCK)
        edge = np.sort(np.partition(self.open_gain, n - (p.k - 1), axis=1)[:, n - (p.k - 1) :], axis=1)[:, ::-1]
        self.half_best = np.zeros((p.k, n))  # [r, t]: half the sum of t's r largest open gains
        self.half_best[1:] = 0.5 * np.cumsum(edge, axis=1).T
        gains = np.zeros((1, n)) + self.open_gain[fixed].sum(axis=0)
        gains[:, fixed] = STRUCK
        worth = p.value(self.items[fixed][None]) if len(fixed) else np.zeros(1)
        field_, energy = np.zeros((1, n)), np.zeros(1)
        if p.curvature is not None and p.k - len(fixed) >= 3:
            if not hasattr(self, "starts") or len(self.class_of) != n:
                self._sort_into_classes()
                return self._root()
            held = np.zeros((1, n))
            held[:, fixed] = 1.0
            open_ = gains > STRUCK / 2
            start = held + open_ * ((p.k - len(fixed)) / open_.sum())
            field_ = start @ self._matrix()
            field_, energy, _ = self._relax(
                held, open_, p.k - len(fixed), field_, (start * field_).sum(axis=1), steps=200
            )
        return _Nodes(fixed[None], worth, gains, field_, energy, np.array([self.bound]))

    def _branch(self, nodes: _Nodes, missing: int) -> list[_Nodes]:
        """Children of partial sets that lack `missing` ≥ 3 items, as chunks, the most promising last."""
        n, curvature = self.n, self.problem.curvature
        open_ = nodes.gains > STRUCK / 2
        upper = nodes.worth[:, None] + self._pairwise_with_one_more(nodes.gains, missing)
        held = np.zeros(nodes.gains.shape)
        if curvature is not None:
            np.put_along_axis(held, nodes.sets, 1.0, axis=1)
            field_, energy, bound = self._relax(
                held, open_, missing, nodes.field, nodes.energy, steps=2 if missing == 3 else 4
            )
            nodes.field, nodes.energy = field_, energy
            upper = np.minimum(upper, self._bounds_with_one_more(held, open_, missing, field_, energy))
            upper[bound < self.need] = -np.inf
            rank = field_
        else:
            rank = -(nodes.gains + self.half_best[missing - 1])
        # The child that takes t leaves the candidates of lower rank to its sisters.
        rank = np.where(open_, rank, np.inf)
        order = np.argsort(rank, axis=1)
        place = np.empty(rank.shape, dtype=np.int16)
        np.put_along_axis(place, order, np.arange(n, dtype=np.int16)[None], 1)
        if curvature is not None:
            # ... so the others cost at least the next prices after t's own.
            constant = 0.5 * curvature * self.problem.k + 0.5 * energy - (held * field_).sum(axis=1)
            sums = np.cumsum(np.take_along_axis(rank, order, 1), axis=1)
            sums = np.pad(sums, ((0, 0), (1, missing)), constant_values=np.inf)
            sums[:, 0] = 0.0
            with np.errstate(invalid="ignore"):
                in_order = constant[:, None] - (sums[:, missing : n + missing] - sums[:, :n])
            upper = np.fmin(upper, np.take_along_axis(in_order, place.astype(np.int64), 1))
        parent, taken = np.nonzero(open_ & (upper >= self.need))
        order = np.argsort(upper[parent, taken], kind="stable")
        parent, taken = parent[order], taken[order]
        size = max(1, _CELLS // n)
        chunks = []
        for at in range(0, len(parent), size):
            if self.late:
                # Unfinished: keep what is left as nodes with their bounds, so that the gap stays true.
                chunks.append(nodes.take(np.unique(parent[at:])))
                break
            par, took = parent[at : at + size], taken[at : at + size]
            child = self._children(nodes, par, took, upper[par, took], place, missing)
            if len(child):
                chunks.append(child)
        return chunks

    def _children(
        self, nodes: _Nodes, parent: Ints, taken: Ints, upper: Floats, place: NDArray[np.int16], missing: int
    ) -> _Nodes:
        """The children (parent, taken) that can still reach `need`."""
        left = missing - 1
        gains = nodes.gains[parent] + self.open_gain[taken]
        gains[place[parent] <= place[parent, taken][:, None]] = STRUCK
        worth = nodes.worth[parent] + nodes.gains[parent, taken]
        sets = np.concatenate([nodes.sets[parent], taken[:, None]], axis=1)
        for cap, labels in zip(self.problem.caps, self.labels, strict=True):
            if cap.most > 1:
                held = (labels[sets][:, :, None] == labels[None, None, :]).sum(axis=1)
                gains[held >= cap.most] = STRUCK
        score = gains + self.half_best[left - 1]
        upper = np.minimum(upper, worth + _sum_of_largest(score, left))
        live = np.flatnonzero(upper >= self.need)
        child = _Nodes(
            sets[live], worth[live], gains[live], nodes.field[parent[live]], nodes.energy[parent[live]], upper[live]
        )
        if self.problem.curvature is not None and len(live):
            _, lowest = self._lowest(child.gains > STRUCK / 2, child.field)
            few = np.partition(lowest, left - 1, axis=1)[:, :left].sum(axis=1)
            paid = np.take_along_axis(child.field, child.sets, 1).sum(axis=1)
            constant = 0.5 * self.problem.curvature * self.problem.k
            child.bound = np.minimum(child.bound, constant + 0.5 * child.energy - paid - few)
            child = child.take(child.bound >= self.need)
        return child

    def _pairwise_with_one_more(self, gains: Floats, missing: int) -> Floats:
        """What `missing` more items, t among them, can add at most, for every t. Shape (b, n)."""
        score = gains + self.half_best[missing - 1]
        best = np.sort(np.partition(score, self.n - missing, axis=1)[:, self.n - missing :], axis=1)
        whole, fewer = best.sum(axis=1), best[:, 1:].sum(axis=1)
        # t's own score and the missing − 1 best of the others
        among = score >= best[:, :1]
        bound: Floats = np.where(among, whole[:, None], score + fewer[:, None])
        return bound

    def _finish_two(self, nodes: _Nodes) -> None:
        """All pairs of candidates, the promising ones only: value = worth + g_a + g_b + gain_ab."""
        score = nodes.gains + self.half_best[1]
        nodes_live = nodes.worth + _sum_of_largest(score.copy(), 2) >= self.need
        sets, worth, gains, score = (x[nodes_live] for x in (nodes.sets, nodes.worth, nodes.gains, score))
        rest = np.argsort(-score, axis=1)
        gains = np.take_along_axis(gains, rest, 1)
        score = np.take_along_axis(score, rest, 1)
        for a in range(self.n - 1):
            need = self.need - worth
            open_ = score[:, a] + score[:, a + 1] >= need
            if not open_.any():
                return
            if open_.sum() < 0.7 * len(open_):
                sets, worth, rest, gains, score, need = (x[open_] for x in (sets, worth, rest, gains, score, need))
            width = int((score[:, a][:, None] + score[:, a + 1 :] >= need[:, None]).sum(axis=1).max())
            other = rest[:, a + 1 : a + 1 + width]
            pair = gains[:, a][:, None] + gains[:, a + 1 : a + 1 + width] + self.open_gain[rest[:, a][:, None], other]
            row, col = np.nonzero(pair >= need[:, None])
            if len(row):
                self._offer(np.concatenate([sets[row], rest[row, a][:, None], other[row, col][:, None]], axis=1))

    def _offer(self, local: Ints) -> None:
        sets = self.items[local]
        sets = sets[self.problem.permits(sets)]
        if len(sets):
            sets = np.sort(sets, axis=1)
            self.best.add(self.problem.value(sets), sets)


def _sum_of_largest(score: Floats, r: int) -> Floats:
    """Sum of each row's r largest, shape (b, n) → (b,); `score` is overwritten."""
    if r > 2:
        largest_r: Floats = np.partition(score, score.shape[1] - r, axis=1)[:, score.shape[1] - r :].sum(axis=1)
        return largest_r
    rows = np.arange(len(score))
    total = np.zeros(len(score))
    for _ in range(r):
        largest = score.argmax(axis=1)
        total += score[rows, largest]
        score[rows, largest] = STRUCK
    return total


class _Relabelled:
    """A collector seen by a tree over a part of its items."""

    def __init__(self, best: Collector, items: Ints) -> None:
        self._best = best
        self._items = items

    @property
    def must_reach(self) -> float:
        return self._best.must_reach

    @property
    def top(self) -> float:
        return self._best.top

    def add(self, values: Floats, sets: Ints) -> None:
        self._best.add(values, self._items[sets])
