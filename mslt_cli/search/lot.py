"""A seeded random order of all sets: the baseline that a criterion has to beat."""

from dataclasses import dataclass, field
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Lot:
    """A seeded random order of all sets: the baseline that a criterion has to beat.

    The sets that hold all of `fixed`, numbered 0..N-1 in lexicographic order of their other members, are
    shuffled by a keyed permutation of 0..N-1 (a four-round Feistel network, walked until it lands below N), so
    that the order of billions of sets needs no list of them. The value is `(N − place) / N`, in (0, 1], all
    different.
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


def number_of(items: list[int], n: int) -> int:
    """Place of a sorted set among all sets of its size in lexicographic order, from 0."""
    k, number, start = len(items), 0, 0
    for j, item in enumerate(items):
        # sets that agree so far and go on with a smaller item
        number += comb(n - start, k - j) - comb(n - item, k - j)
        start = item + 1
    return number


def set_number(number: int, n: int, k: int) -> tuple[int, ...]:
    """The inverse of `number_of`."""
    items: list[int] = []
    item = 0
    while len(items) < k:
        with_item = comb(n - item - 1, k - len(items) - 1)
        if number < with_item:
            items.append(item)
        else:
            number -= with_item
        item += 1
    return tuple(items)
