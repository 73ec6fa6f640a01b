"""What the searches read of an objective: what one more item adds to a set, and what pairs of items add at most."""

from dataclasses import dataclass
from math import comb

import numpy as np

from mslt_cli.search import Floats, Ints
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.covers import Cover
from mslt_cli.search.objective import MANY, Covering, ItemSum, Mixed, PairSum


@dataclass(frozen=True, eq=False)
class Problem:
    """Which sets of n items are worth most. Where the least is asked for, all weights are negative.

    A set is worth the sum of its items' amounts, of its pairs' distances and of what it covers, each weighted.

    Attributes:
        wanted: size of a set, fixed items and quotas.
        amount: of each item, shape (n,).
        pairs: distances of the items, and `pair_weight` what they are multiplied by.
        cover: what sets cover, and `cover_weight` what its value is multiplied by.
        curvature: λ for which `λI − gains of pairs` is positive semidefinite on the plane Σx = k (0 for
            distances of unit vectors); None where it is not known.
    """

    wanted: Wanted
    amount: Floats | None = None
    pairs: PairSum | None = None
    pair_weight: float = 1.0
    cover: Cover | None = None
    cover_weight: float = 1.0
    curvature: float | None = None

    def values(self, sets: Ints) -> Floats:
        """Worth of sets of any one size, shape (b, s) → (b,)."""
        total = np.zeros(len(sets))
        if self.amount is not None:
            total += self.amount[sets].sum(axis=1)
        if self.pairs is not None:
            total += self.pair_weight * self.pairs.values(sets)
        if self.cover is not None:
            total += self.cover_weight * (self.cover.values(sets) if sets.shape[1] else self.cover.floor)
        return total

    def linear(self, chosen: Ints, items: Ints) -> Floats:
        """What each item adds to a set by its amount and its distances, shapes (s,) and (c,) → (c,)."""
        total = np.zeros(len(items)) if self.amount is None else self.amount[items].copy()
        return total + self.pair_sums(chosen, items)

    def pair_sums(self, chosen: Ints, items: Ints) -> Floats:
        """What the pairs of each item with all of a set add, shapes (s,) and (c,) → (c,)."""
        total = np.zeros(len(items))
        if self.pairs is None:
            return total
        kind, distance, own = self.pairs.kind[chosen], self.pairs.distance, self.pairs.kind[items]
        if len(kind) > MANY:
            sums: Floats = np.bincount(kind, minlength=len(distance)).astype(np.float64) @ distance
            return self.pair_weight * sums[own]
        for one in kind:
            total += self.pair_weight * distance[one, own]
        return total

    def covered(self, chosen: Ints, items: Ints) -> Floats:
        """What each item newly covers, times the size of the weight: never negative, shapes (s,) and (c,) → (c,)."""
        if self.cover is None:
            return np.zeros(len(items))
        before = self.cover.values(chosen[None])[0] if len(chosen) else self.cover.floor
        added = self.cover.extended(chosen[None], items)[0] - before
        newly: Floats = np.maximum(abs(self.cover_weight) * added, 0.0)
        return newly

    def pair_gains(self, items: Ints, others: Ints) -> Floats:
        """What pairs of items add, shapes (c,) and (d,) → (c, d)."""
        if self.pairs is None:
            return np.zeros((len(items), len(others)))
        gains: Floats = self.pairs.distance[self.pairs.kind[items][:, None], self.pairs.kind[others]]
        gains *= self.pair_weight
        return gains

    @property
    def largest_pair(self) -> float:
        """No pair of items adds more."""
        if self.pairs is None:
            return 0.0
        distance = self.pairs.distance
        return max(self.pair_weight * float(distance.min()), self.pair_weight * float(distance.max()))


def problem_of(objective: PairSum | ItemSum | Covering, wanted: Wanted, *, least: bool) -> Problem:
    """The problem of an objective (a sum of distances, not their smallest), an item for each language."""
    sign = -1.0 if least else 1.0
    match objective:
        case PairSum():
            curvature = None if least else curvature_of(objective)
            return Problem(wanted, pairs=objective, pair_weight=sign, curvature=curvature)
        case ItemSum():
            return Problem(wanted, amount=sign * objective.amount)
        case Mixed():
            weight = sign * (1 - objective.share) / max(1, comb(wanted.k, 2))
            cover, cover_weight = objective.cover, sign * objective.share
            return Problem(wanted, pairs=objective.pairs, pair_weight=weight, cover=cover, cover_weight=cover_weight)
    return Problem(wanted, cover=objective, cover_weight=sign)


def curvature_of(objective: PairSum) -> float | None:
    """The λ of `Problem.curvature`: 0 for vectors, the largest eigenvalue off the mean for other matrices."""
    if objective.vectors is not None:
        return 0.0
    if len(objective.distance) > 1500:  # the eigenvalues would take minutes
        return None
    centred = objective.distance - objective.distance.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    return max(0.0, float(np.linalg.eigvalsh(centred)[-1]))
