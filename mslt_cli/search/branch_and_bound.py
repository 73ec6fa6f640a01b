"""Exact search for the sets that are worth most, without enumerating them.

Sets grow item by item. What a partial set may still become is bounded by what each further item adds to it, and a
partial set whose bound is below the worst set that is still wanted is left out with all that goes on from it.

*Gains.* Amounts and pair distances with the set add up. What a set covers grows the less the more is there (it is
submodular), so m more items cover at most the sum of what each would newly cover. Where the least is asked for, what
each two of them both cover is taken off.

*Pairs.* The gains among the m new items are sums over pairs. Each item is given half of its pairs, at most its best
ones; for the sets that hold a and b, the pair of the two counts as it is, and the pairs of a and b with others either
by half or in whole. Pairs that no wanted set holds together are struck out. That lowers the bounds of others.

*Prices* of a convex bound rule out items and pairs at the root and wherever four or more items are missing, and give an
honest gap where the time is up (`convex_bound`).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from mslt_cli.search import Floats, Ints
from mslt_cli.search.best import BestSets
from mslt_cli.search.convex_bound import convex_prices
from mslt_cli.search.covers import Nearest
from mslt_cli.search.in_order import sum_of_largest
from mslt_cli.search.node import Node
from mslt_cli.search.objective import MANY
from mslt_cli.search.problem import Problem

HAIR = 1e-11  # what sums in another order may differ by
ROUNDING = 1e-13  # the same of the sums of very large sets, as a share of them
STEPS_AT_ROOT, STEPS = 400, 20  # of the convex bound, at the root and deeper
_FEW = 700  # items up to which overlaps of all pairs are counted
_CELLS = 1_000_000  # of a pair matrix at a time: a second copy of a whole one would cost gigabytes in the largest pools
_HELD = 25_000_000  # cells of pair matrices that the sets on one way down the tree hold, beside that of the root
_DEEPEST = 40_000_000  # items × (missing items)² up to which there is a tree; beyond, the root's bound has to do
_OFFERED = 20_000_000  # sets × k² that are valued at a time


@dataclass(frozen=True)
class SearchOutcome:
    """How far a search came: no set is worth more than `bound`; `proved` if none was left out."""

    bound: float
    proved: bool


def branch_and_bound(problem: Problem, best: BestSets, deadline: float | None = None) -> SearchOutcome:
    """Fill `best` with the sets that are worth most; exact unless `deadline` (`time.monotonic()`) comes first."""
    return _Tree(problem, best, deadline).run()


class _Tree:
    def __init__(self, problem: Problem, best: BestSets, deadline: float | None) -> None:
        self.problem = problem
        self.best = best
        self.deadline = np.inf if deadline is None else deadline
        self.k = problem.wanted.k
        self.covers = problem.cover is not None
        self.sign = -1.0 if problem.cover_weight < 0 else 1.0

    @property
    def need(self) -> float:
        """Sets below this worth are of no use; those that a quota forbids are worth −inf."""
        return max(self.best.must_reach - HAIR, -sys.float_info.max)

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def run(self) -> SearchOutcome:
        wanted = self.problem.wanted
        chosen = np.array(wanted.fixed, dtype=np.int64)
        items = np.setdiff1d(np.arange(wanted.n), chosen)
        items = items[~wanted.full(chosen[None], items)[0]]
        missing = self.k - len(chosen)
        if len(items) < missing or not wanted.permits(chosen[None])[0]:
            return SearchOutcome(-np.inf, True)
        if missing in (0, len(items)):
            only = np.concatenate([chosen, items[:missing]])[None]
            only = only[wanted.permits(only)]
            self.best.add(self.problem.values(only), only)
            return SearchOutcome(self.best.top, True)
        worth = float(self.problem.values(chosen[None])[0])
        linear, covered = self.problem.linear(chosen, items), self.problem.covered(chosen, items)
        gains, pairs, at = self._gains(linear, covered, missing), None, np.arange(len(items))
        if self.problem.pairs is not None and self.problem.pair_weight:
            pairs, at = self.problem.pairs.distance, self.problem.pairs.kind[items]
        self.shallow = len(items) * missing**2 > _DEEPEST
        self.room = len(items) ** 2 + _HELD
        sums = np.zeros((len(items), 1 if self.shallow else missing))
        weight = 1.0 if pairs is None else self.problem.pair_weight
        root = Node(chosen, worth, items, linear, covered, gains, pairs, at, sums, weight=weight)
        left_open = self._visit(root, self._ceiling(root, missing), root=True)
        return SearchOutcome(max(left_open, self.best.top), left_open == -np.inf)

    def _ceiling(self, root: Node, missing: int) -> float:
        """Bound on all sets: none is worth more than any other set and the m largest gains that are left beside it.

        The others are filled greedily; without pairs and quotas the last has 1 − 1/e of what this lets a set cover.
        """
        pairs = 0.5 * (missing - 1) * self.problem.largest_pair
        ceiling = root.worth + sum_of_largest(root.gains, missing) + missing * pairs
        chosen, items, worth, covered = root.chosen, root.items, root.worth, root.covered
        for _ in range(missing if self.covers and self.sign > 0 else 0):
            if missing > MANY and self.late:
                break
            following = int(covered.argmax())
            worth += float(covered[following])
            chosen = np.append(chosen, items[following])
            covered = self.problem.covered(chosen, items)
            ceiling = min(ceiling, worth + sum_of_largest(covered + root.linear, missing) + missing * pairs)
        return ceiling

    def _gains(self, linear: Floats, covered: Floats, missing: int) -> Floats:
        return linear + covered if self.sign > 0 else linear - covered / missing

    def _count_overlaps(self, node: Node) -> None:
        """For the least: what each two items both cover makes the bound on what several cover sharper.

        With `g` what each of m items covers and `o` what two both cover, the m cover at least
        `2/(j + 1) Σ g − 2/(j(j + 1)) Σ o` for each j = 1..m − 1, since no element counts more than once in it. For
        m = 2 that is exact. The sums are over items and over pairs, as gains are.

        Source: Dawson and Sankoff 1967, who also give the best j.
        """
        missing, items, covered = self.k - len(node.chosen), node.items, node.covered
        if self.sign > 0 or not 2 <= missing <= len(items) <= _FEW:
            return
        after = np.array([self.problem.covered(np.append(node.chosen, item), items) for item in items])
        overlaps = covered - after  # (c, c)
        shared = (overlaps.sum() - overlaps.trace()) / max(covered.sum() * (len(items) - 1), 1e-300)
        j = min(missing - 1, 1 + int((missing - 1) * shared))
        pairs = node.own_pairs()
        struck = np.isneginf(pairs) if len(pairs) else np.eye(len(items), dtype=bool)
        node.pairs = self.problem.pair_gains(items, items) + 2 / (j * (j + 1)) * overlaps
        node.pairs[struck] = -np.inf
        node.at, node.own = np.arange(len(items)), True
        node.sums[:, 1] = node.pairs.max(axis=1)
        node.gains = node.linear - 2 / (j + 1) * covered

    def _blocks(self, c: int) -> list[slice]:
        step = max(1, _CELLS // max(1, c))
        return [slice(at, at + step) for at in range(0, c, step)]

    # -- bounds ----------------------------------------------------------------------------------

    def _cut(self, node: Node, limit: float, steps: int) -> tuple[Node, float]:
        """Drop the items and strike the pairs that no wanted set can pay for, and bound all sets."""
        missing = self.k - len(node.chosen)
        parts = (self.problem, node.worth, node.items, node.linear)
        prices = convex_prices(*parts, missing, self.need, steps, lambda: self.late)
        if prices is None:
            return node, limit
        keep = np.flatnonzero(prices.price <= prices.spare(self.need, 1) + HAIR)
        node, price = node.take(keep), prices.price[keep]
        if missing > 1 and len(keep) >= missing and not self.shallow and self._owns(node):
            pairs, most = node.own_pairs(), prices.spare(self.need, 2) + HAIR
            for rows in self._blocks(len(keep)):
                if self.late:  # what is not struck costs time and nothing else
                    break
                pairs[rows][price[rows, None] + price > most] = -np.inf
        return node, min(limit, prices.bound)

    def _owns(self, node: Node) -> bool:
        """Give a node pairs of its own, which may then be struck, if there is room for them."""
        if not node.own:
            if len(node.items) ** 2 > self.room:
                return False
            self.room -= len(node.items) ** 2
            node.own_pairs()
        return True

    def _strike(self, node: Node) -> Node | None:
        """Strike the pairs of a node that no wanted set holds, and drop the items that lack partners; None if late."""
        missing, c, pairs = self.k - len(node.chosen), len(node.items), node.own_pairs()
        for rows in self._blocks(c):
            if self.late:
                return None
            few = np.partition(pairs[rows], c - (missing - 1), axis=1)[:, c - (missing - 1) :]
            node.sums[rows, 1:] = np.cumsum(np.sort(few, axis=1)[:, ::-1], axis=1)
        asked = self.need - node.worth
        by_half = node.gains + 0.5 * node.sums[:, missing - 2]
        others_by_half = sum_of_largest(node.gains + 0.5 * node.sums[:, missing - 1], missing - 2) - asked
        whole = node.gains + node.sums[:, missing - 2]
        others_whole = sum_of_largest(node.gains + 0.5 * node.sums[:, max(0, missing - 3)], missing - 2) - asked
        partners = np.zeros(c, dtype=np.int64)
        for rows in self._blocks(c):
            if self.late:
                return node
            spare = by_half[rows, None] + by_half + others_by_half
            np.minimum(spare, whole[rows, None] + whole + others_whole, out=spare)
            spare += pairs[rows]
            pairs[rows][spare < 0] = -np.inf
            partners[rows] = np.isfinite(pairs[rows]).sum(axis=1)
        return node.take(np.flatnonzero(partners >= missing - 1))

    def _order(self, node: Node) -> tuple[Ints, Floats]:
        """The order of the search, and along it bounds on the sets of each item with later ones, which never rise."""
        missing, cover = self.k - len(node.chosen), self.problem.cover
        if isinstance(cover, Nearest) and node.pairs is None and missing >= cover.similarity.shape[1] and self.sign > 0:
            # There may be a source for each target: what is nearly the best for none of them can only fill up.
            near = cover.similarity[node.items]
            order = np.argsort((near.max(axis=0) - near).min(axis=1), kind="stable")
            nearest = np.maximum.accumulate(near[order][::-1], axis=0)[::-1]
            if len(node.chosen):
                nearest = np.maximum(nearest, cover.similarity[node.chosen].max(axis=0))
            return order, self.problem.cover_weight * nearest.mean(axis=1)
        score = node.gains + 0.5 * node.sums[:, missing - 1]
        order = np.argsort(-score, kind="stable")
        limits = np.full(len(order), -np.inf)
        sums = np.append(0.0, np.cumsum(score[order]))
        limits[: len(order) - missing + 1] = node.worth + sums[missing:] - sums[:-missing]
        if self.sign < 0 and node.pairs is None:
            # In the order of what they cover: a set covers at least what any of its items does.
            covered = np.append(node.covered[order][missing - 1 :], np.full(missing - 1, np.inf))
            limits = np.minimum(limits, node.worth - covered)
        return order, limits

    # -- the tree --------------------------------------------------------------------------------

    def _visit(self, node: Node, limit: float, root: bool = False) -> float:
        """Search a node that becomes worth at most `limit`; the largest bound of what the time left out, or −inf."""
        missing = self.k - len(node.chosen)
        if root or missing > 3:
            node, limit = self._cut(node, limit, STEPS_AT_ROOT if root else STEPS)
        if len(node.items) < missing:
            return -np.inf
        if root and (self.shallow or (self.late and missing > 1)):
            return limit + abs(limit) * ROUNDING
        if root:
            self._open_root(node, missing)
        if missing == 1:
            values = node.worth + node.linear + self.sign * node.covered
            return -np.inf if self._offer(node, node.items[values >= self.need][:, None]) else limit
        if self.late:
            return limit
        if missing == 2 and node.pairs is not None and (not self.covers or (self.sign < 0 and len(node.items) <= _FEW)):
            return self._finish_with_pairs(node, node.pairs, limit)
        if missing == 3 and not self.covers and node.pairs is not None and len(node.items) <= 200:
            return -np.inf if self._finish_with_triples(node) else limit
        if node.pairs is not None and (missing > 3 or root or self.sign < 0) and self._owns(node):
            struck = self._strike(node)
            if struck is None:
                return limit
            node = struck
        return self._branch(node, missing, limit) if len(node.items) >= missing else -np.inf

    def _open_root(self, node: Node, missing: int) -> None:
        """Strike the pairs that quotas forbid, and bound the best pair of each item."""
        if node.pairs is not None:
            self._owns(node)
        pairs = node.own_pairs()
        for cap in self.problem.wanted.caps if len(pairs) else ():
            if cap.most == 1:
                labels = cap.labels[node.items]
                pairs[labels[:, None] == labels] = -np.inf
        if len(pairs) and missing > 1:
            node.sums[:, 1] = pairs.max(axis=1)
        self._count_overlaps(node)

    def _offer(self, node: Node, last: Ints) -> bool:
        """Offer the set with each of some groups of missing items, shape (b, missing); False: too late for all."""
        step = max(64, _OFFERED // self.k**2)
        for at in range(0, len(last), step):
            if at and self.late:
                return False
            some = last[at : at + step]
            sets = np.sort(np.concatenate([np.repeat(node.chosen[None], len(some), axis=0), some], axis=1), axis=1)
            sets = sets[self.problem.wanted.permits(sets)]
            if len(sets):
                self.best.add(self.problem.values(sets), sets)
        return True

    def _finish_with_pairs(self, node: Node, pairs: Floats, limit: float) -> float:
        """Offer what two more items make of the set; of the pairs only those that the largest gains leave open."""
        order = np.argsort(-node.gains, kind="stable")
        gains, at, items = node.gains[order], node.at[order], node.items[order]
        asked = self.need - node.worth - gains
        ends = np.searchsorted(-gains, node.sums[order, 1] - asked, side="right")  # the row's partners come before
        live = np.flatnonzero(ends > np.arange(len(ends)) + 1)
        for start in range(0, len(live), 32):
            if self.late:
                return limit
            rows = live[start : start + 32]
            columns = slice(rows[0], ends[rows].max())
            a, b = np.nonzero(pairs[at[rows, None], at[columns]] >= asked[rows, None] - gains[columns])
            a, b = rows[a], b + columns.start
            if not self._offer(node, np.column_stack([items[a], items[b]])[a < b]):
                return limit
        return -np.inf

    def _finish_with_triples(self, node: Node) -> bool:
        """Offer what three more items make of the set; pairs are left out that no third item makes good enough.

        False: too late for all.
        """
        half = 0.5 * node.gains
        worth = node.own_pairs() + half + half[:, None]  # three items add what their three pairs are worth
        most, asked = worth.max(axis=1), self.need - node.worth
        a, b = np.nonzero(np.triu(worth >= (asked - most)[:, None] - most, 1))
        row, c = np.nonzero(worth[a] + worth[b] >= (asked - worth[a, b])[:, None])
        later = c > b[row]
        row, c = row[later], c[later]
        return self._offer(node, node.items[np.column_stack([a[row], b[row], c])])

    def _branch(self, node: Node, missing: int, limit: float) -> float:
        """One item joins, and only those after it may follow."""
        order, limits = self._order(node)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        left_open = -np.inf
        for block in self._blocks(len(order)):
            rows, reach = order[block], limits[block]
            rows, reach = rows[reach >= self.need], reach[reach >= self.need]
            if not len(rows):
                return left_open
            brings = None
            if node.pairs is not None:
                # What each later item brings to a set of the row's item: its gain, their pair, half of its others.
                brings = node.pair_rows(rows) + (node.gains + 0.5 * node.sums[:, missing - 2])
                brings[place <= place[rows, None]] = -np.inf
                few = np.partition(brings, -(missing - 1), axis=1)[:, -(missing - 1) :]
                reach = np.minimum(reach, node.worth + node.gains[rows] + few.sum(axis=1))
                fewer = np.sort(few, axis=1)[:, 1:].sum(axis=1)
            for row in np.flatnonzero(reach >= self.need):
                i = rows[row]
                if self.late:
                    return max(left_open, min(limit, float(limits[place[i]])))
                if limits[place[i]] < self.need:
                    return left_open
                if brings is None:
                    later = order[place[i] + 1 :]
                else:
                    later = np.flatnonzero(brings[row] >= self.need - node.worth - node.gains[i] - fewer[row])
                child = self._child(node, i, later)
                if len(child.items) >= missing - 1:
                    room = self.room
                    left_open = max(left_open, self._visit(child, min(limit, float(reach[row]))))
                    self.room = room
        return left_open

    def _child(self, node: Node, i: int, later: Ints) -> Node:
        """The set with item i of the node, and the later items that may follow."""
        chosen = np.append(node.chosen, node.items[i])
        if self.problem.wanted.caps:
            later = later[~self.problem.wanted.full(chosen[None], node.items[later])[0]]
        items, linear, covered = node.items[later], node.linear[later], node.covered[later]
        if self.sign < 0:
            linear = self.problem.linear(chosen, items)
        elif node.pairs is not None:
            linear = linear + node.pairs[node.at[i], node.at[later]]
        if self.covers:
            covered = self.problem.covered(chosen, items)
        worth = node.worth + float(node.linear[i]) + self.sign * float(node.covered[i])
        gains = self._gains(linear, covered, self.k - len(chosen))
        child = Node(chosen, worth, items, linear, covered, gains, node.pairs, node.at[later], node.sums[later, :-1])
        self._count_overlaps(child)
        return child
