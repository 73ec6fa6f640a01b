"""A node of the tree that `branch_and_bound` searches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mslt_cli.search import Floats, Ints


@dataclass
class Node:
    """A partial set and the items that may join it."""

    chosen: Ints  # (s,)
    worth: float
    items: Ints  # (c,)
    linear: Floats  # (c,) what each adds by its amount and its distances from the set
    covered: Floats  # (c,) what each would newly cover
    gains: Floats  # (c,) what each adds at most, such that the sum of these bounds what several add
    pairs: Floats | None  # what two add together beyond that, −inf where struck; None where pairs add nothing
    at: Ints  # (c,) rows of `pairs`, which may be those of a set that this one goes on from
    sums: Floats  # (c, m) bounds on what the best 0, 1, … m − 1 pairs of each add
    own: bool = False  # whether `pairs` holds just these items
    weight: float = 1.0  # what `pairs` still has to be multiplied by

    def take(self, which: Ints) -> Node:
        """The same set with some of the items, given in their order."""
        if len(which) == len(self.items):
            return self
        linear, covered, gains, sums = self.linear[which], self.covered[which], self.gains[which], self.sums[which]
        at, items = self.at[which], self.items[which]
        return replace(self, items=items, linear=linear, covered=covered, gains=gains, at=at, sums=sums, own=False)

    def own_pairs(self) -> Floats:
        """`pairs` of the items alone, shape (c, c), or (0, 0) where pairs add nothing."""
        if self.pairs is None:
            return np.zeros((0, 0))
        if not self.own:
            self.pairs, self.at, self.own = self.pairs[self.at[:, None], self.at], np.arange(len(self.at)), True
            if self.weight != 1:
                self.pairs *= self.weight
            self.weight = 1.0
            np.fill_diagonal(self.pairs, -np.inf)
        return self.pairs

    def pair_rows(self, rows: Ints) -> Floats:
        """Some rows of `pairs`, which the root of the tree has made its own, shape (r, c)."""
        assert self.pairs is not None
        return self.pairs[rows] if self.own else self.pairs[self.at[rows][:, None], self.at]
