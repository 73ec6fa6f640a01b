"""Every combination, valued and ranked: what small pools use, and the oracle of the other searches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.constraints import Wanted

Ints = NDArray[np.int64]


def all_sets(wanted: Wanted) -> Ints:
    """All sets that are asked for, in lexicographic order, shape (b, k)."""
    sets = combinations(wanted.n - len(wanted.fixed), wanted.k - len(wanted.fixed))
    if wanted.fixed:
        free = np.setdiff1d(np.arange(wanted.n), wanted.fixed)
        fixed = np.repeat(np.array([wanted.fixed], dtype=np.int64), len(sets), axis=0)
        sets = np.sort(np.concatenate([fixed, free[sets]], axis=1), axis=1)
        sets = sets[np.lexsort(sets.T[::-1])]
    return sets[wanted.permits(sets)]


def combinations(n: int, k: int) -> Ints:
    """All k-sets of 0..n-1 in lexicographic order, shape (C(n, k), k)."""
    sets = np.zeros((1, 0), dtype=np.int64)
    for size in range(k):
        last = sets[:, -1] if size else np.full(1, -1)
        count = n - (k - size - 1) - (last + 1)  # items that leave room for the rest
        rows = np.repeat(np.arange(len(sets)), count)
        step = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
        sets = np.column_stack([sets[rows], last[rows] + 1 + step])
    return sets
