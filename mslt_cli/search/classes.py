"""Equal languages: searched as few items, counted by binomials, listed one by one at the end."""

import heapq
from collections import Counter
from collections.abc import Iterator
from math import comb

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.constraints import Caps, Wanted

Ints = NDArray[np.int64]


class Classes:
    """Languages that no objective and no quota can tell apart, as items to search.

    A class of m languages becomes up to k items, so that a set may hold several. A set of items stands for all
    ways to fill the copies with languages, and only the sets that use the first copies count.

    Attributes:
        kind: what the objective sees of each item, shape (items,).
        wanted: the sets of items to search.
    """

    def __init__(self, kind: Ints, wanted: Wanted) -> None:
        """Classes of the n languages that `wanted` is about; `kind` has shape (n,)."""
        keys = np.column_stack([kind, *(cap.labels for cap in wanted.caps)])
        own = np.full(len(kind), -1)
        own[list(wanted.fixed)] = np.arange(len(wanted.fixed))  # a fixed language is a class of its own
        _, first, index = np.unique(np.column_stack([keys, own]), axis=0, return_index=True, return_inverse=True)
        index = index.ravel()
        order = np.argsort(index, kind="stable")
        bounds = np.searchsorted(index[order], np.arange(len(first) + 1))
        self.members = [order[bounds[c] : bounds[c + 1]].tolist() for c in range(len(first))]
        held = np.minimum([len(m) for m in self.members], wanted.k)
        self.class_of = np.repeat(np.arange(len(first)), held)
        self.copy = np.arange(len(self.class_of)) - np.repeat(np.cumsum(held) - held, held)
        self.kind: Ints = kind[first][self.class_of]
        fixed = tuple(int(np.searchsorted(self.class_of, index[f])) for f in wanted.fixed)
        caps = tuple(Caps(cap.labels[first][self.class_of], cap.most) for cap in wanted.caps)
        self.wanted = Wanted(len(self.kind), wanted.k, fixed, caps)

    def count(self, items: tuple[int, ...]) -> int:
        """How many language sets a set of items stands for; 0 unless it uses the first copies."""
        chosen = Counter(int(self.class_of[i]) for i in items)
        if any(int(self.copy[i]) >= chosen[int(self.class_of[i])] for i in items):
            return 0
        ways = 1
        for c, size in chosen.items():
            ways *= comb(len(self.members[c]), size)
        return ways

    def expand(self, items: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """The language sets in lexicographic order, lazily."""
        slots = [(self.members[c], size) for c, size in Counter(int(self.class_of[i]) for i in items).items()]
        start = tuple(tuple(range(size)) for _, size in slots)

        def languages(state: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
            return tuple(sorted(m[j] for (m, _), picks in zip(slots, state, strict=True) for j in picks))

        heap, seen = [(languages(start), start)], {start}
        while heap:
            smallest, state = heapq.heappop(heap)
            yield smallest
            for s, (members, _) in enumerate(slots):
                for j, pick in enumerate(state[s]):
                    if pick + 1 < len(members) and pick + 1 not in state[s]:
                        picks = (*state[s][:j], pick + 1, *state[s][j + 1 :])
                        after = (*state[:s], picks, *state[s + 1 :])
                        if after not in seen:  # one pick later is a later set, so the heap keeps the order
                            seen.add(after)
                            heapq.heappush(heap, (languages(after), after))
