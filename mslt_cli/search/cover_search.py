"""Exact search for the sets that cover most or least, without enumerating them.

What a set S of items is worth grows by `Σ_a gain_a` less what is covered twice when m more items join. With `o_ab`
what a and b would both add, an element that r of the m items cover counts r in `Σ gain` and `r(r − 1)/2` in `Σ o`, and
once in the union. So the union of the m items is

- at most `Σ_a gain_a − (2/m) Σ_{a<b} o_ab`, since `r − r(r − 1)/m ≥ 1` for r = 1..m;
- at least `2/(j + 1) Σ_a gain_a − 2/(j(j + 1)) Σ_{a<b} o_ab` for any j = 1..m − 1, since no r makes more than 1 of it.

Both are exact for m = 2, so that a set without its last two items is a leaf: one table of overlaps gives the value
of all its completions. Both are sums over pairs, as pair distances are, so one bound holds for the two together: an
item brings at most half of its m − 1 best pairs, or, for the sets that hold item a, its pair with a and half of its
m − 2 best ones.

Items are sorted by these bounds, the most promising first, and a set's later items come after its earlier ones: each
set is met once, and the sets of unpromising items alone are left out all together. Before the table of a new set is
made, its overlaps are bounded from those of the set before.

Source: bounds on a union from sums over its sets and their pairs, Dawson and Sankoff 1967 (lower) and Kwerel 1975
(upper); greedy sets and their guarantee, Nemhauser, Wolsey and Fisher 1978. How they are put together: ours.
"""

from __future__ import annotations

import heapq
import sys
import time
from dataclasses import dataclass, field, replace
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import TIE, Collector
from mslt_cli.search.branch_and_bound import Outcome
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.elements import Elements, elements_of
from mslt_cli.search.objective import Covering, Mixed, PairSum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_DENSE = 700  # items up to which overlaps of all pairs are made
_FORMS = 8  # lower bounds on a union that are tried: all that there are for up to 7 missing items
_AHEAD = 200  # items up to which all next sets are bounded before any is searched
_HAIR = 1e-12  # what sums in another order may differ by


@dataclass(frozen=True)
class CoverProblem:
    """Which sets are worth most, all values multiplied by `sign`: 1 for the most, −1 for the least.

    Attributes:
        wanted: size, fixed items and quotas.
        elements: what sets cover.
        sign: 1 or −1.
        pairs: pair distances that add to the value, if any; not their smallest.
        pair_scale: what a pair distance is multiplied by.
    """

    wanted: Wanted
    elements: Elements
    sign: float = 1.0
    pairs: PairSum | None = None
    pair_scale: float = 0.0

    def pair_gains(self, items: Ints, others: Ints) -> Floats:
        """What pairs add, shape (c, d)."""
        if self.pairs is None:
            return np.zeros((len(items), len(others)))
        kind = self.pairs.kind
        gains: Floats = self.sign * self.pair_scale * self.pairs.distance[np.ix_(kind[items], kind[others])]
        return gains

    def largest_pair_gain(self) -> float:
        """No pair adds more."""
        if self.pairs is None:
            return 0.0
        return float((self.sign * self.pair_scale * self.pairs.distance).max())


def problem_of(objective: Covering, wanted: Wanted, sign: float) -> CoverProblem:
    """The objective taken apart into what is covered and what pairs add."""
    if isinstance(objective, Mixed):
        elements = elements_of(objective.cover, wanted.k, objective.share)
        return CoverProblem(wanted, elements, sign, objective.pairs, (1 - objective.share) / max(1, comb(wanted.k, 2)))
    return CoverProblem(wanted, elements_of(objective, wanted.k, 1.0), sign)


@dataclass(frozen=True)
class _Node:
    """A set, and the items that may join it."""

    chosen: tuple[int, ...]
    items: Ints  # (c,) in the order of the search
    state: NDArray[Any]
    worth: float
    cover: Floats  # (c,) what each would newly cover; not negative
    linear: Floats  # (c,) what the pairs of each with the set would add
    overlap: Floats | None  # (c, c); None where there are too many items

    def take(self, which: Flags | Ints) -> _Node:
        """The same set with some of the items."""
        overlap = None if self.overlap is None else self.overlap[which][:, which]
        return replace(
            self, items=self.items[which], cover=self.cover[which], linear=self.linear[which], overlap=overlap
        )


def cover_search(problem: CoverProblem, best: Collector, deadline: float | None = None) -> Outcome:
    """Fill `best` with the sets of highest value; exact unless `deadline` comes first.

    Args:
        problem: the objective and its constraints.
        best: collects the sets; what it already holds raises the bar from the start.
        deadline: a `time.monotonic()` value to stop at with the best found so far.

    Returns:
        The outcome: an upper bound on every set's value, and whether `best` is proved complete.
    """
    return _Tree(problem, best, deadline).run()


class _Tree:
    def __init__(self, problem: CoverProblem, best: Collector, deadline: float | None) -> None:
        self.problem = problem
        self.best = best
        self.deadline = deadline
        self.k = problem.wanted.k
        self.largest_pair = problem.largest_pair_gain()
        self.nodes = 0

    @property
    def need(self) -> float:
        """Sets below this value are of no use; those that a quota forbids are worth −inf."""
        return max(self.best.must_reach - _HAIR, -sys.float_info.max)

    @property
    def late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def run(self) -> Outcome:
        root = self._root()
        self.root_state = root.state
        missing = self.k - len(root.chosen)
        fixed = np.array([root.chosen], dtype=np.int64)
        if len(root.items) < missing or not self.problem.wanted.permits(fixed)[0]:
            return Outcome(-np.inf, True)
        if not missing:
            self.best.add(np.array([root.worth]), fixed)
            return Outcome(root.worth, True)
        ceiling = self._ceiling(root, missing)
        if missing > 1:
            root = self._with_overlaps(root)
            limits, _ = self._limits(root, missing)
            ceiling = min(ceiling, float(limits.max()))
            root = root.take(np.argsort(-limits, kind="stable"))
        left_open = self._visit(root, ceiling)
        return Outcome(max(min(left_open, ceiling), self.best.top), left_open == -np.inf, self.nodes)

    def _root(self) -> _Node:
        """The fixed items, and all others that quotas allow beside them."""
        problem, elements = self.problem, self.problem.elements
        every = np.arange(problem.wanted.n)
        state = elements.start()
        worth = problem.sign * elements.base
        cover, linear = elements.gains(), np.zeros(problem.wanted.n)
        for item in problem.wanted.fixed:
            worth += problem.sign * float(cover[item]) + float(linear[item])
            cover = cover - elements.both(state, item, every)
            linear = linear + problem.pair_gains(np.array([item]), every)[0]
            state = elements.add(state, item)
        free = np.setdiff1d(every, problem.wanted.fixed)
        root = _Node(problem.wanted.fixed, free, state, worth, cover[free], linear[free], None)
        return root.take(self._allowed(root.chosen, free))

    def _ceiling(self, node: _Node, missing: int) -> float:
        """Bound from sets that are filled greedily: none is worth more than one of these and the m largest gains.

        The last of them, which is offered, has at least 1 − 1/e of what this bound lets the best one add, if there
        are no pairs and no quotas.
        """
        if self.problem.sign < 0:
            return np.inf
        price = node.linear + 0.5 * (missing - 1) * self.largest_pair
        if self.problem.pairs is not None and len(node.items) <= _DENSE:
            price = node.linear + 0.5 * _top(self._pair_gains(node), missing - 1)
        state, worth, cover, chosen = node.state, node.worth, node.cover, node.chosen
        ceiling = worth + float(_top(cover + price, missing))
        free = np.ones(len(cover), dtype=bool)
        for _ in range(missing):
            best = int(np.where(free, cover, -1).argmax())
            free[best] = False
            item = int(node.items[best])
            chosen, worth = (*chosen, item), worth + float(cover[best])
            cover = np.maximum(cover - self.problem.elements.both(state, item, node.items), 0)
            state = self.problem.elements.add(state, item)
            ceiling = min(ceiling, worth + float(_top(cover + price, missing)))
        greedy = np.array([chosen], dtype=np.int64)
        if self.problem.pairs is None and self.problem.wanted.permits(greedy)[0]:
            self.best.add(np.array([worth]), greedy)
        return ceiling

    # -- quotas ----------------------------------------------------------------------------------

    def _allowed(self, chosen: tuple[int, ...], items: Ints) -> Flags:
        """Which items may join the set."""
        fine = np.ones(len(items), dtype=bool)
        for cap in self.problem.wanted.caps:
            fine &= self._held(cap.labels, chosen, items) < cap.most
        return fine

    def _struck(self, node: _Node) -> Flags:
        """Which pairs may not join the set together, shape (c, c), each item with itself among them."""
        struck = np.eye(len(node.items), dtype=bool)
        for cap in self.problem.wanted.caps:
            labels = cap.labels[node.items]
            last = self._held(cap.labels, node.chosen, node.items) == cap.most - 1
            struck |= (labels[:, None] == labels[None, :]) & last[:, None]
        return struck

    def _held(self, labels: Ints, chosen: tuple[int, ...], items: Ints) -> Ints:
        """How many members of the set have the label of each item."""
        held: Ints = (labels[items][:, None] == labels[list(chosen)][None, :]).sum(axis=1)
        return held

    # -- bounds ----------------------------------------------------------------------------------

    def _pair_gains(self, node: _Node) -> Floats:
        gains = self.problem.pair_gains(node.items, node.items)
        gains[self._struck(node)] = -np.inf
        return gains

    def _with_overlaps(self, node: _Node) -> _Node:
        if node.overlap is not None or len(node.items) > _DENSE:
            return node
        return replace(node, overlap=self.problem.elements.overlaps(node.state, node.items))

    def _limits(self, node: _Node, missing: int) -> tuple[Floats, list[Floats]]:
        """Bounds on the sets that go on from a node.

        Returns:
            Shape (c,): on those that hold each item. And tables of shape (c, c) whose entries for any item a and
            the other new members of a set add up to a bound on what these add; none without overlaps.
        """
        if node.overlap is None:
            return self._limits_of_many(node, missing), []
        pair = self._pair_gains(node)
        own = np.full(len(node.items), np.inf)
        tables = []
        for of_cover, of_overlap in self._forms(missing):
            single = (of_cover * node.cover + node.linear) / (missing - 1)
            table = single[:, None] + single[None, :] + of_overlap * node.overlap + pair
            half = 0.5 * _top(table, missing - 1)
            table += 0.5 * _top(table, missing - 2)[None, :]
            own = np.minimum(own, node.worth + np.minimum(_top(table, missing - 1), half + _top(half, missing - 1)))
            tables.append(table)
        return own, tables

    def _forms(self, missing: int) -> list[tuple[float, float]]:
        """Factors of gains and overlaps that bound what m items add together."""
        if self.problem.sign > 0:
            return [(1.0, -2 / missing)]
        some = np.unique(np.geomspace(1, missing - 1, _FORMS).round()).tolist()
        return [(-2 / (j + 1), 2 / (j * (j + 1))) for j in some]

    def _limits_of_many(self, node: _Node, missing: int) -> Floats:
        """Bounds from the gains alone: the sum of the largest; for the least, the one that cannot be avoided."""
        pairs = comb(missing, 2) * self.largest_pair
        if self.problem.sign > 0:
            gain = node.cover + node.linear
            return node.worth + pairs + gain + _top(gain, missing - 1)
        low = np.sort(node.cover)[missing - 1]
        limits: Floats = node.worth + pairs - np.maximum(node.cover, low) + node.linear
        return limits + _top(node.linear, missing - 1)

    # -- the tree --------------------------------------------------------------------------------

    def _visit(self, node: _Node, limit: float) -> float:
        """Search what goes on from a node that is worth at most `limit`.

        Returns:
            The largest bound of what was left out for lack of time, −inf if nothing was.
        """
        self.nodes += 1
        missing = self.k - len(node.chosen)
        while True:
            if len(node.items) < missing:
                return -np.inf
            if missing == 1:
                self._offer(node, node.worth + self.problem.sign * node.cover + node.linear, node.items[:, None])
                return -np.inf
            node = self._with_overlaps(node)
            own, tables = self._limits(node, missing)
            if missing == 2 and tables:
                value = node.worth + tables[0]
                some, other = np.nonzero(np.triu(value >= self.need, 1))
                self._offer(node, value[some, other], np.column_stack([node.items[some], node.items[other]]))
                return -np.inf
            keep = own >= self.need
            if keep.all():
                break
            node = node.take(keep)
        return self._branch(node, missing, min(limit, float(own.max())), tables)

    def _offer(self, node: _Node, values: Floats, last: Ints) -> None:
        """Offer the completions of a set by some last items, values of shape (b,), items of shape (b, ≤ 2)."""
        fine = values >= self.need
        sets = np.concatenate([np.repeat([node.chosen], len(last), axis=0).astype(np.int64), last], axis=1)
        self.best.add(values[fine], sets[fine])

    def _branch(self, node: _Node, missing: int, limit: float, tables: list[Floats]) -> float:
        """One item joins, and only those after it may follow."""
        if tables:
            later = np.triu(np.ones(tables[0].shape, dtype=bool), 1)
            sums = [_top(np.where(later, table, -np.inf), missing - 1) for table in tables]
            limits = node.worth + np.min(sums, axis=0)
        else:
            node, limits = self._in_order(node, missing)
        ahead = missing > 3 and len(node.items) <= _AHEAD and len(node.chosen) == len(self.problem.wanted.fixed)
        waiting: list[tuple[float, _Node]] = []
        left_open = -np.inf
        for number in np.argsort(-limits, kind="stable"):
            reach = min(limit, float(limits[number]))
            if reach < self.need:
                break
            if self.late:
                return max(left_open, reach, *(other for other, _ in waiting))
            grown, reach = self._grow(node, int(number), missing, reach, tables)
            if grown is None:
                continue
            if ahead:
                own, _ = self._limits(grown, missing - 1)
                reach = min(reach, float(own.max()), self._ceiling(grown, missing - 1))
                waiting.append((reach, grown))
            else:
                left_open = max(left_open, self._visit(grown, reach))
        for reach, grown in sorted(waiting, key=lambda entry: -entry[0]):
            if reach < self.need:
                break
            if self.late:
                return max(left_open, reach)
            left_open = max(left_open, self._visit(grown, reach))
        return left_open

    def _in_order(self, node: _Node, missing: int) -> tuple[_Node, Floats]:
        """The items by their gains alone, and bounds on the sets that hold each and others after it."""
        pairs = comb(missing, 2) * self.largest_pair
        if self.problem.sign > 0:
            gain = node.cover + node.linear
            node = node.take(np.argsort(-gain, kind="stable"))
            padded = np.append(node.cover + node.linear, np.full(missing, -np.inf))
            window = np.lib.stride_tricks.sliding_window_view(padded, missing)[: len(node.items)]
            return node, node.worth + window.sum(axis=1) + pairs
        node = node.take(np.argsort(node.cover, kind="stable"))
        last = np.append(node.cover[missing - 1 :], np.full(missing - 1, np.inf))
        return node, node.worth - last + node.linear + _top(node.linear, missing - 1) + pairs

    def _grow(
        self, node: _Node, number: int, missing: int, limit: float, tables: list[Floats]
    ) -> tuple[_Node | None, float]:
        """The set and one item more, with what may still follow; None if nothing wanted can, and a bound."""
        problem, item = self.problem, int(node.items[number])
        later = np.arange(number + 1, len(node.items))
        for table in tables:
            row = table[number, later]
            later = later[node.worth + row + _top(row, missing - 2) >= self.need]
        chosen = (*node.chosen, item)
        later = later[self._allowed(chosen, node.items[later])]
        if len(later) < missing - 1:
            return None, -np.inf
        before = node.take(later)
        if node.overlap is None:
            lost = problem.elements.both(node.state, item, before.items)
        else:
            lost = node.overlap[number, later]
        grown = replace(
            before,
            chosen=chosen,
            worth=node.worth + problem.sign * float(node.cover[number]) + float(node.linear[number]),
            cover=np.maximum(before.cover - lost, 0),
            linear=before.linear + problem.pair_gains(np.array([item]), before.items)[0],
            overlap=None,
        )
        if before.overlap is None:
            return replace(grown, state=problem.elements.add(node.state, item)), limit
        overlap = before.overlap
        # What is certain of the new overlaps often rules most items out, before their table is made.
        certain = self._certain(node, item, float(node.cover[number]), lost, overlap, grown)
        own, _ = self._limits(replace(grown, overlap=certain), missing - 1)
        keep = own >= self.need
        grown, overlap = grown.take(keep), overlap[keep][:, keep]
        if len(grown.items) < missing - 1:
            return None, -np.inf
        overlap = problem.elements.overlaps_after(node.state, item, grown.items, overlap)
        state = problem.elements.add(node.state, item)
        return replace(grown, state=state, overlap=overlap), min(limit, float(own.max()))

    def _certain(self, node: _Node, item: int, gain: float, lost: Floats, overlap: Floats, grown: _Node) -> Floats:
        """The nearer side of the overlaps once an item has joined: least for the most, most for the least.

        a and b lose what the item shares with both: no more than it shares with either; and no less than it
        shares with the two together beyond all that it adds.
        """
        if self.problem.sign > 0:
            shared = np.minimum(lost[:, None], lost[None, :])
            known = self.problem.elements.lost(self.root_state, item, grown.items)
            if known is not None:
                shared = np.minimum(shared, known)
            return np.maximum(overlap - shared, 0)
        shared = np.maximum(lost[:, None] + lost[None, :] - gain, 0)
        return np.minimum(overlap - shared, np.minimum(grown.cover[:, None], grown.cover[None, :]))


class CoverGrowth:
    """How values grow member by member, for listing ties (see `in_order`)."""

    def __init__(self, problem: CoverProblem, floor: float = -np.inf) -> None:
        """Sets below `floor` need no sharp bound: nobody will list them."""
        self.problem = problem
        self.floor = floor
        self.every = np.arange(problem.wanted.n)
        self.largest_pair = problem.largest_pair_gain()

    def start(self) -> _Step:
        elements = self.problem.elements
        state = elements.start()
        worth = self.problem.sign * elements.base
        node = _Node((), self.every, state, worth, elements.gains(), np.zeros(len(self.every)), None)
        return _Step(None, -1, worth, node)

    def add(self, step: _Step, item: int) -> _Step:
        node = self._node(step)
        worth = node.worth + self.problem.sign * float(node.cover[item]) + float(node.linear[item])
        return _Step(step, item, worth)

    def reach(self, step: _Step, first: int, missing: int) -> float:
        if self.problem.wanted.n - first < missing:
            return -np.inf
        if not missing:
            return step.worth
        pairs = comb(missing, 2) * self.largest_pair
        if self.problem.sign > 0 and step.before is not None:
            # Gains of others only shrink by the new member, so those before it bound what follows.
            later = float(self._largest_after(step.before, missing)[first])
            loose = step.worth + later + pairs + missing * max(0.0, self.largest_pair)
            if loose < self.floor - 2 * TIE:
                return loose
        node = self._node(step)
        cover, linear = node.cover[first:], node.linear[first:]
        if self.problem.sign > 0:
            return node.worth + float(_top(cover + linear, missing)) + pairs
        return node.worth - float(np.sort(cover)[missing - 1]) + float(_top(linear, missing)) + pairs

    def _node(self, step: _Step) -> _Node:
        """What a step leads to; made when it is needed, as most steps are the last."""
        if step.node is None:
            assert step.before is not None
            node, item = self._node(step.before), step.item
            step.node = replace(
                node,
                chosen=(*node.chosen, item),
                state=self.problem.elements.add(node.state, item),
                worth=step.worth,
                cover=np.maximum(node.cover - self.problem.elements.both(node.state, item, self.every), 0),
                linear=node.linear + self.problem.pair_gains(np.array([item]), self.every)[0],
            )
        return step.node

    def _largest_after(self, step: _Step, count: int) -> Floats:
        """[i]: sum of the `count` largest gains at positions from i on, −inf where there are fewer."""
        if count not in step.after:
            node = self._node(step)
            gains = (node.cover + node.linear).tolist()
            sums = np.full(len(gains) + 1, -np.inf)
            largest: list[float] = []
            for i in range(len(gains) - 1, -1, -1):
                if len(largest) < count:
                    heapq.heappush(largest, gains[i])
                else:
                    heapq.heappushpop(largest, gains[i])
                if len(largest) == count:
                    sums[i] = sum(largest)
            step.after[count] = sums
        return step.after[count]


@dataclass
class _Step:
    """A set as it is listed: the one before it and an item."""

    before: _Step | None
    item: int
    worth: float
    node: _Node | None = None
    after: dict[int, Floats] = field(default_factory=dict)


def _top(values: Floats, count: int) -> Floats:
    """Sum of the `count` largest along the last axis, −inf where there are fewer."""
    size = values.shape[-1]
    if count > size:
        return np.full(values.shape[:-1], -np.inf)
    if count <= 0:
        return np.zeros(values.shape[:-1])
    if count < size:
        values = np.partition(values, size - count, axis=-1)[..., size - count :]
    total: Floats = values.sum(axis=-1)
    return total
