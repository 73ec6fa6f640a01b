"""What covers are made of, as their search takes them apart: what two languages would both add to a set.

A cover is a weighted count of elements. For vocabularies an element is a token id (ids that the same languages have
are one element); for `Nearest` it is "this target is at least so near", so that what two languages both add for a
target is the smaller of what each adds.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.covers import Bits, Cover, Coverage, Nearest, TargetCoverage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
State = NDArray[Any]
"""What a set has covered, or has not; only its `Elements` can read it."""

_WORDS = 2**17  # of bits that are counted at a time: 1 MiB, for the cache


class Elements(Protocol):
    """What sets of n items cover, in units of the objective."""

    base: float
    """What a set is worth before its items are known."""

    def start(self) -> State:
        """The empty set."""

    def add(self, state: State, item: int) -> State:
        """The set and one more item."""

    def gains(self) -> Floats:
        """What each item would add to the empty set, shape (n,)."""

    def both(self, state: State, item: int, items: Ints) -> Floats:
        """What `item` and each of some items would both add, shape (c,): what these lose if `item` joins.

        An item that is among them loses all it would add.
        """

    def overlaps(self, state: State, items: Ints) -> Floats:
        """What each two of some items would both add, shape (c, c); of no meaning on the diagonal."""

    def overlaps_after(self, state: State, item: int, items: Ints, before: Floats) -> Floats:
        """The overlaps once `item` has joined this state; `before` are those of the same items until then."""

    def lost(self, root: State, item: int, items: Ints) -> Floats | None:
        """Bound on what overlaps lose to `item` in states that go on from `root`; None where it is not known."""


def elements_of(cover: Cover, k: int, scale: float) -> Elements:
    """The elements of a cover for sets of k, its values multiplied by `scale`."""
    return NearestElements(cover, scale) if isinstance(cover, Nearest) else TokenElements(cover, k, scale)


class TokenElements:
    """Token ids, for sets of exactly k.

    Ids that only one language has are a number of its own. Ids that all languages have but fewer than k are covered
    by any set of k.
    """

    def __init__(self, cover: Coverage | TargetCoverage, k: int, scale: float) -> None:
        sizes = np.array([cover.total]) if isinstance(cover, Coverage) else cover.sizes
        self.weight = scale / (len(sizes) * sizes)  # of an id in each list, shape (lists,)
        self.base = 0.0
        self.own = np.zeros(cover.n)
        shared = []
        for weight, flags in zip(self.weight, cover.bits.flags(), strict=True):
            have = flags.sum(axis=0, dtype=np.int64)
            self.base += weight * float((have > cover.n - k).sum())
            self.own += weight * flags[:, (have == 1) & (have <= cover.n - k)].sum(axis=1)
            shared.append(flags[:, (have > 1) & (have <= cover.n - k)])
        self.bits = Bits(shared)
        self.member = np.ascontiguousarray(np.concatenate(self.bits.flags(), axis=1).T)  # (elements, n)
        self._lost: dict[int, Floats | None] = {}

    def start(self) -> State:
        """Which elements are not covered yet, shape (words,)."""
        every: State = np.bitwise_or.reduce(self.bits.rows, axis=0)
        return every

    def add(self, state: State, item: int) -> State:
        after: State = state & ~self.bits.rows[item]
        return after

    def gains(self) -> Floats:
        return self.own + self._weigh(self.bits.sizes(self.bits.rows))

    def both(self, state: State, item: int, items: Ints) -> Floats:
        shared = self._weigh(self.bits.sizes(self.bits.rows[items] & (self.bits.rows[item] & state)))
        return shared + np.where(items == item, self.own[item], 0.0)

    def overlaps(self, state: State, items: Ints) -> Floats:
        return self._products(state, items)

    def overlaps_after(self, state: State, item: int, items: Ints, before: Floats) -> Floats:
        return before - self._products(self.bits.rows[item] & state, items)

    def lost(self, root: State, item: int, items: Ints) -> Floats | None:
        if item not in self._lost:  # the product pays only if it is asked for again
            self._lost[item] = None
            return None
        known = self._lost[item]
        if known is None:
            every = np.arange(len(self.bits.rows))
            known = self._lost[item] = self._products(self.bits.rows[item] & root, every)
        return known[np.ix_(items, items)]

    def _weigh(self, counts: Ints) -> Floats:
        """Shape (..., lists) → (...)."""
        total = np.zeros(counts.shape[:-1])
        for number, weight in enumerate(self.weight):
            total += weight * counts[..., number]
        return total

    def _products(self, among: State, items: Ints) -> Floats:
        """What each two items both have among some elements, shape (c, c)."""
        elements = np.flatnonzero(np.unpackbits(among.view(np.uint8), bitorder="little").view(np.bool_))
        some = self.member.take(elements, axis=0).take(items, axis=1)  # (r, c)
        parts = np.searchsorted(elements, 64 * self.bits.starts[1:-1])
        bits = Bits([part.T for part in np.split(some, parts)])
        total = np.zeros((len(items), len(items)))
        step = max(1, _WORDS // max(1, bits.rows.size))
        for at in range(0, len(items), step):
            block = bits.rows[at : at + step, None] & bits.rows[None, at:]
            total[at : at + step, at:] = self._weigh(bits.sizes(block))
        return np.maximum(total, total.T)


class NearestElements:
    """Targets, each to the degree that it is near."""

    def __init__(self, cover: Nearest, scale: float) -> None:
        self.scale = scale / cover.similarity.shape[1]
        self.similarity = np.ascontiguousarray(cover.similarity.T)  # (T, n)
        self.base = self.scale * float(self.start().sum())

    def start(self) -> State:
        """How near each target is to the source farthest from it, shape (T,): any set is as near."""
        lowest: State = self.similarity.min(axis=1)
        return lowest

    def add(self, state: State, item: int) -> State:
        return np.maximum(state, self.similarity[:, item])

    def gains(self) -> Floats:
        gains: Floats = self.scale * (self.similarity - self.start()[:, None]).sum(axis=0)
        return gains

    def both(self, state: State, item: int, items: Ints) -> Floats:
        own = np.maximum(self.similarity[:, item] - state, 0)
        some = np.flatnonzero(own)
        nearer = self.similarity[np.ix_(some, items)] - state[some, None]
        shared: Floats = self.scale * np.clip(nearer, 0, own[some, None]).sum(axis=0)
        return shared

    def overlaps(self, state: State, items: Ints) -> Floats:
        nearer = self.scale * np.maximum(self.similarity[:, items] - state[:, None], 0)
        total = np.zeros((len(items), len(items)))
        for one in nearer:
            if one.any():
                total += np.minimum(one[:, None], one[None, :])
        return total

    def overlaps_after(self, state: State, item: int, items: Ints, before: Floats) -> Floats:
        return self.overlaps(self.add(state, item), items)

    def lost(self, root: State, item: int, items: Ints) -> Floats | None:
        return None
