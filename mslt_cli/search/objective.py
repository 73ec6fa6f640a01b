"""What a set of languages is worth: built from pairs, from single languages, from labels, or by lot.

An objective knows the n languages of one pool by their position 0..n-1. Pools are sorted by the user's spelling, so
the order of positions is the lexicographic order of combinations.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from math import comb

import numpy as np

from mslt_cli.search import Floats, Ints
from mslt_cli.search.covers import Cover, Coverage, Nearest, TargetCoverage

MANY = 64
"""Members from which a set is valued as a whole, and no longer pair by pair."""


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
        if sets.shape[1] > MANY:
            return self._of_large(kinds)
        smallest = self.smallest and sets.shape[1] > 1
        total = np.full(len(sets), np.inf) if smallest else np.zeros(len(sets))
        for j in range(1, sets.shape[1]):
            for i in range(j):
                pair = self.distance[kinds[:, i], kinds[:, j]]
                total = np.minimum(total, pair) if smallest else total + pair
        return total

    def _of_large(self, kinds: Ints) -> Floats:
        """Values of large sets, by how often they have each class: few products in place of very many single pairs."""
        if self.smallest:
            return np.array([self._least_pair(own) for own in kinds])
        values = np.empty(len(kinds))
        if 4 * kinds.shape[1] < len(self.distance):
            for number, own in enumerate(kinds):
                classes, count = np.unique(own, return_counts=True)
                values[number] = count @ (self.distance[np.ix_(classes, classes)] @ count)
            return 0.5 * values
        for at in range(0, len(kinds), 16):  # all distances are read once for so many
            held = [np.bincount(own, minlength=len(self.distance)) for own in kinds[at : at + 16]]
            counts = np.array(held, dtype=np.float64)
            values[at : at + 16] = (counts @ self.distance * counts).sum(axis=1)
        return 0.5 * values

    def _least_pair(self, kinds: Ints) -> float:
        classes, count = np.unique(kinds, return_counts=True)
        least = float(self.distance[classes, classes][count > 1].min(initial=np.inf))
        for at in range(0, len(classes), MANY):
            rows = classes[at : at + MANY]
            block = self.distance[np.ix_(rows, classes)]
            block[np.arange(len(rows)), at + np.arange(len(rows))] = np.inf
            least = min(least, float(block.min()))
        return least


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


@dataclass(frozen=True)
class Lot:
    """A seeded random order of all sets: the baseline that a criterion has to beat.

    The sets that hold all of `fixed`, numbered 0..N-1 in lexicographic order of their other members, are shuffled by a
    keyed permutation of 0..N-1 (a four-round Feistel network, walked until it lands below N), so that billions of sets
    need no list. The value is `(N − place) / N`, in (0, 1], all different.
    """

    n: int
    k: int
    seed: int
    fixed: tuple[int, ...] = ()
    _bits: int = field(init=False)
    _free: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_bits", max(1, (self.total.bit_length() + 1) // 2))
        object.__setattr__(self, "_free", sorted(set(range(self.n)) - set(self.fixed)))

    @property
    def total(self) -> int:
        return comb(self.n - len(self.fixed), self.k - len(self.fixed))

    def values(self, sets: Ints) -> Floats:
        """Shape (b, k) → (b,); every set holds `fixed`."""
        total = self.total
        position = {item: i for i, item in enumerate(self._free)}
        numbers = (
            number_of([position[item] for item in row if item in position], len(self._free))
            for row in np.sort(sets, axis=1).tolist()
        )
        return np.array([(total - self._walk(number)) / total for number in numbers])

    def at(self, place: int) -> tuple[int, ...]:
        """The set that stands at this place of the random order, 0 first."""
        others = set_number(self._walk(place, backwards=True), len(self._free), self.k - len(self.fixed))
        return tuple(sorted([*self.fixed, *(self._free[i] for i in others)]))

    def _walk(self, number: int, *, backwards: bool = False) -> int:
        """From a set's number to its place, or back."""
        mask = (1 << self._bits) - 1
        while True:
            left, right = number >> self._bits, number & mask
            for r in range(4):
                if backwards:
                    left, right = right ^ self._mix(left, 3 - r), left
                else:
                    left, right = right, left ^ self._mix(right, r)
            number = left << self._bits | right
            if number < self.total:
                return number

    def _mix(self, half: int, r: int) -> int:
        # splitmix64's finaliser, on 64-bit words; halves wider than that use it word by word
        mixed, shift = 0, 0
        key = self.seed * 4 + r
        while shift < self._bits:
            x = ((half >> shift) + 0x9E3779B97F4A7C15 * (key + 1 + shift)) & 0xFFFFFFFFFFFFFFFF
            x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
            x = (x ^ x >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
            mixed |= (x ^ x >> 31) << shift
            key += half >> (shift + 64)
            shift += 64
        return mixed & (1 << self._bits) - 1


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


def number_of(items: list[int], n: int) -> int:
    """Place of a sorted set among all sets of its size in lexicographic order, from 0."""
    k, number, start = len(items), 0, 0
    if k > MANY:  # from one number of sets to the next, as binomials of thousands take long
        ways, place = comb(n, k), 0
        for item in range(items[-1] + 1):
            with_item = ways * (k - place) // (n - item)
            if item == items[place]:
                ways, place = with_item, place + 1
            else:
                ways, number = ways - with_item, number + with_item
        return number
    for j, item in enumerate(items):
        # sets that agree so far and go on with a smaller item
        number += comb(n - start, k - j) - comb(n - item, k - j)
        start = item + 1
    return number


def set_number(number: int, n: int, k: int) -> tuple[int, ...]:
    """The inverse of `number_of`."""
    items: list[int] = []
    if k > MANY:
        ways, item = comb(n, k), 0
        while len(items) < k:
            with_item = ways * (k - len(items)) // (n - item)
            if number < with_item:
                items.append(item)
                ways = with_item
            else:
                ways, number = ways - with_item, number - with_item
            item += 1
        return tuple(items)
    start = 0
    for missing in range(k, 0, -1):
        whole = comb(n - start, missing)
        later = range(start, n - missing + 1)  # the last of them before which there are no more than `number` sets
        item = later[bisect_right(later, number, key=lambda i: whole - comb(n - i, missing)) - 1]
        number -= whole - comb(n - item, missing)
        items.append(item)
        start = item + 1
    return tuple(items)
