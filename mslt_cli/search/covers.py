"""What a set of languages covers: token ids of a pool or of targets, or the targets themselves, by nearness.

Each of these grows with every language that joins a set, and a language adds the less the more is there already
(it is monotone and submodular). That is what `branch_and_bound` builds its bounds on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search import Floats, Ints


class _Shares:
    """Mean over some lists of token ids of the share that a set of n languages has of each.

    Which ids of the lists a language has is held as bits, 64 in a word. Counting words is exact and needs one core;
    products of 0/1 matrices would share out among all cores, and crawl where other work keeps these busy.

    Attributes:
        sizes: number of ids of each list, shape (lists,).
        rows: bits of each language, shape (n, words); each list starts with a new word.
        starts: first word of each list, and the number of words, shape (lists + 1,).
    """

    floor = 0.0  # value of no set at all

    def __init__(self, ids: Sequence[NDArray[Any]], lists: Sequence[Ints]) -> None:
        """Token ids of each language, whole numbers from 0 on; lists ascending and none of them empty."""
        self.n = len(ids)
        self.sizes = np.array([len(wanted) for wanted in lists], dtype=np.float64)
        parts = []
        for wanted in lists:
            place = np.full(int(wanted[-1]) + 1, -1, dtype=np.int64)
            place[wanted] = np.arange(len(wanted))
            flags = np.zeros((len(ids), -(-len(wanted) // 64) * 64), dtype=np.uint8)
            for language, own in enumerate(ids):
                if len(own):
                    at = place[own[own < len(place)]]
                    flags[language, at[at >= 0]] = 1
            parts.append(np.packbits(flags, axis=1, bitorder="little").view(np.uint64))
        self.starts = np.cumsum([0, *(part.shape[1] for part in parts)])
        self.rows = np.concatenate(parts, axis=1)

    def shares(self, sets: Ints) -> Floats:
        """Share of each list's ids that each set has, shape (b, k) → (b, lists)."""
        return self.counts(sets) / self.sizes

    def values(self, sets: Ints) -> Floats:
        """Shape (b, k) → (b,), in 0..1."""
        mean: Floats = self.shares(sets).mean(axis=1)
        return mean

    def extended(self, sets: Ints, items: Ints | None = None) -> Floats:
        """Value of each set and one language more, of some items or of all, shapes (b, k), (c,) → (b, c)."""
        rows = self.rows if items is None else self.rows[items]
        values = np.empty((len(sets), len(rows)))
        for number, members in enumerate(sets):
            counts = self._count(rows | np.bitwise_or.reduce(self.rows[members], axis=0))
            values[number] = (counts / self.sizes).mean(axis=1)
        return values

    def counts(self, sets: Ints) -> Ints:
        """How many ids of each list each set has, shape (b, k) → (b, lists).

        Sets that share all but their last member follow each other in lexicographic order, so that what the shared
        members have is put together once.
        """
        counts = np.empty((len(sets), len(self.sizes)), dtype=np.int64)
        rows = np.sort(sets, axis=1)
        order = np.lexsort(rows.T[::-1])
        rows = rows[order]
        starts = np.flatnonzero((rows[1:, :-1] != rows[:-1, :-1]).any(axis=1)) + 1
        before: list[int] = []
        covered = [np.zeros(self.rows.shape[1], dtype=np.uint64)]  # [j]: by the first j members
        for start, end in pairwise([0, *starts.tolist(), len(rows)] if len(rows) else []):
            members, last = rows[start, :-1].tolist(), rows[start:end, -1]
            same = 0
            while same < len(before) and before[same] == members[same]:
                same += 1
            del covered[same + 1 :]
            for item in members[same:]:
                covered.append(covered[-1] | self.rows[item])
            before = members
            neighbours = (np.diff(last) == 1).all()  # as where all sets are asked for: no copy
            some = self.rows[last[0] : last[-1] + 1] if neighbours else self.rows[last]
            counts[order[start:end]] = self._count(some | covered[-1])
        return counts

    def _count(self, words: NDArray[np.uint64]) -> Ints:
        """How many ids of each list some sets of ids hold: shape (b, words) → (b, lists)."""
        bits = np.bitwise_count(words)
        parts = [bits[:, a:b].sum(axis=1, dtype=np.int64) for a, b in pairwise(self.starts.tolist())]
        return np.stack(parts, axis=1)


class Coverage(_Shares):
    """Share of the pool's token ids that a set has: `|∪_{L∈C} V_L| / |∪_{L∈pool} V_L|`.

    Raises:
        ValueError: no language has any id, or an id is negative.

    Example:
        >>> pool = Coverage([np.array([1, 2, 3]), np.array([3, 4]), np.array([9])])
        >>> pool.values(np.array([[0, 1], [1, 2]]))
        array([0.8, 0.6])
    """

    def __init__(self, ids: Sequence[NDArray[Any]]) -> None:
        every = _union(ids)
        if not len(every):
            raise ValueError("No language of the pool has a token id.")
        super().__init__(ids, [every])

    def count(self, sets: Ints) -> Ints:
        """How many different ids each set has, shape (b, k) → (b,)."""
        return self.counts(sets)[:, 0]


class TargetCoverage(_Shares):
    """Mean over the targets of the share of a target's token ids that a set has: `|V_t ∩ ∪_{L∈C} V_L| / |V_t|`.

    Args:
        ids, targets: token ids of each of n languages and T targets.
        ignored: whether a language does not count for a target, shape (n, T); None = all do.

    Raises:
        ValueError: there is no target, a target has no ids, or an id is negative.
    """

    def __init__(
        self,
        ids: Sequence[NDArray[Any]],
        targets: Sequence[NDArray[Any]],
        ignored: NDArray[np.bool_] | None = None,
    ) -> None:
        _union(ids)  # for its check
        lists = [_union([target]) for target in targets]
        if not lists:
            raise ValueError("There is no target to cover.")
        for number, wanted in enumerate(lists):
            if not len(wanted):
                raise ValueError(f"Target {number} has no token id.")
        super().__init__(ids, lists)
        for language, target in np.argwhere(ignored) if ignored is not None else ():
            self.rows[language, self.starts[target] : self.starts[target + 1]] = 0


@dataclass(frozen=True, eq=False)
class Nearest:
    """Mean over the targets of how near the set's nearest language is: `mean_t max_{s∈C} similarity[s, t]`.

    Attributes:
        similarity: of each language of the pool with each target, shape (n, T); for cosines in −1..1, 1 = alike.

    Raises:
        ValueError: there is no target, or a similarity is not a number.

    Source:
        The facility location function of the literature on submodular functions.
    """

    similarity: Floats

    def __post_init__(self) -> None:
        if self.similarity.ndim != 2 or not self.similarity.size:
            raise ValueError("A similarity is needed for each language and target.")
        if not np.isfinite(self.similarity).all():
            raise ValueError("A similarity is not a number.")

    @property
    def n(self) -> int:
        """How many languages there are."""
        return len(self.similarity)

    @property
    def floor(self) -> float:
        """Value that any set has: each target is as near as the source farthest from it."""
        return float(self.similarity.min(axis=0).mean())

    def values(self, sets: Ints) -> Floats:
        """Shape (b, k) → (b,)."""
        mean: Floats = self._nearest(sets).mean(axis=1)
        return mean

    def extended(self, sets: Ints, items: Ints | None = None) -> Floats:
        """Value of each set and one language more, of some items or of all, shapes (b, k), (c,) → (b, c)."""
        similarity = self.similarity if items is None else self.similarity[items]
        if not sets.shape[1]:
            return np.repeat(similarity.mean(axis=1)[None], len(sets), axis=0)
        rows = [np.maximum(similarity, nearest).mean(axis=1) for nearest in self._nearest(sets)]
        return np.array(rows).reshape(len(sets), len(similarity))

    def _nearest(self, sets: Ints) -> Floats:
        """Similarity of each target to the nearest member, shape (b, k) → (b, T)."""
        if len(sets) == 1:
            alone: Floats = self.similarity[sets[0]].max(axis=0)[None]
            return alone
        nearest = self.similarity[sets[:, 0]]
        for j in range(1, sets.shape[1]):
            np.maximum(nearest, self.similarity[sets[:, j]], out=nearest)
        return nearest


Cover = Coverage | TargetCoverage | Nearest


def _union(ids: Sequence[NDArray[Any]]) -> Ints:
    """The different ids, ascending. A vocabulary's ids are row numbers, so a table of them all is small."""
    some = [own for own in ids if len(own)]
    if any(own.min() < 0 for own in some):
        raise ValueError("A token id is negative.")
    seen = np.zeros(max((int(own.max()) + 1 for own in some), default=0), dtype=bool)
    for own in some:
        seen[own] = True
    return np.flatnonzero(seen)
