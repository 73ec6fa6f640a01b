"""What a set of languages is worth: built from pairs, from single languages, from labels, or by lot.

An objective knows the n languages of one pool by their position 0..n-1 (pools are sorted by the
user's spelling, so the order of positions is the lexicographic order of combinations) and gives
the value of any sets of them. How sets are searched is the business of the other modules here.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.covers import Cover, Coverage, Nearest, TargetCoverage
from mslt_cli.search.lot import Lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PairSum:
    """Sum over the set's pairs of how different the two are; `Σ_{i<j∈C} (1 − cos(v_i, v_j))` for vectors.

    Equal languages are held once: `kind[i]` is the class of language i, and classes have distances.

    Attributes:
        distance: between classes, shape (c, c), symmetric; the diagonal is 0.
        kind: class of each language, shape (n,).
        vectors: unit vectors of the classes, shape (c, d), where distances are 1 − their products.
        smallest: value a set by its smallest pair distance instead of their sum.
    """

    distance: Floats
    kind: Ints
    vectors: Floats | None = None
    smallest: bool = False

    def values(self, sets: Ints) -> Floats:
        """Shape (b, k) → (b,)."""
        kinds = self.kind[sets]
        smallest = self.smallest and sets.shape[1] > 1
        total = np.full(len(sets), np.inf) if smallest else np.zeros(len(sets))
        for j in range(1, sets.shape[1]):
            for i in range(j):
                pair = self.distance[kinds[:, i], kinds[:, j]]
                total = np.minimum(total, pair) if smallest else total + pair
        return total


@dataclass(frozen=True)
class ItemSum:
    """Sum of what each language has by itself, shape (n,); e.g. GiB of pretraining text."""

    amount: Floats

    def values(self, sets: Ints) -> Floats:
        """Shape (b, k) → (b,)."""
        total: Floats = self.amount[sets].sum(axis=1)
        return total


@dataclass(frozen=True)
class DistinctLabels:
    """Number of distinct labels in the set; labels of shape (n,), e.g. scripts."""

    label: Ints

    def values(self, sets: Ints) -> Floats:
        """Shape (b, k) → (b,)."""
        labels = np.sort(self.label[sets], axis=1)
        total: Floats = 1.0 + (np.diff(labels, axis=1) != 0).sum(axis=1, dtype=np.float64)
        return total


@dataclass(frozen=True, eq=False)
class Mixed:
    """Diverse and covering at once: `(1 − share) · mean pair distance + share · cover`.

    The mean pair distance of one language is 0. For vectors without negative entries, and a cover in 0..1, both parts
    are in 0..1.

    Attributes:
        pairs: pair distances of n languages; their sum, not their smallest.
        cover: what the set covers, of the same n languages.
        share: the cover's share of the value, 0..1.

    Raises:
        ValueError: the parts do not go together, or the share is not in 0..1.
    """

    pairs: PairSum
    cover: Cover
    share: float

    def __post_init__(self) -> None:
        if self.pairs.smallest:
            raise ValueError("A smallest distance cannot be mixed with a cover.")
        if len(self.pairs.kind) != self.cover.n:
            raise ValueError(f"There are distances of {len(self.pairs.kind)} languages, and covers of {self.cover.n}.")
        if not 0 <= self.share <= 1:
            raise ValueError(f"The cover's share is {self.share}; it has to be in 0..1.")

    @property
    def n(self) -> int:
        """How many languages there are."""
        return self.cover.n

    def values(self, sets: Ints) -> Floats:
        """Shape (b, k) → (b,)."""
        distance = self.pairs.values(sets) / max(1, comb(sets.shape[1], 2))
        return (1 - self.share) * distance + self.share * self.cover.values(sets)


Covering = Coverage | TargetCoverage | Nearest | Mixed
Objective = PairSum | ItemSum | DistinctLabels | Lot | Covering
