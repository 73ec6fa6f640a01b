"""Every combination, valued and ranked: what small pools use, and the oracle of the other searches."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.competition import Ranking, competition_ranks, first_rows
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.objective import Objective

Ints = NDArray[np.int64]

ENUMERATE_UP_TO = 200_000
"""Combinations up to which all are valued; beyond, the search leaves out what cannot be wanted."""


def enumerate_all(objective: Objective, wanted: Wanted, *, top: int, least: bool) -> Ranking:
    """Value every combination and sort; equal values keep their lexicographic order."""
    sets = all_sets(wanted)
    return first_rows(sets, objective.values(sets), top=top, least=least)


def rank_by_mean_rank(objectives: Sequence[Objective], wanted: Wanted, *, top: int, least: bool) -> Ranking:
    """Value every combination under each objective and rank by the mean of its ranks, lowest first (Borda).

    With `least`, the lowest value ranks first under each objective.
    """
    sets = all_sets(wanted)
    mean = np.mean([competition_ranks(objective.values(sets), least=least)[0] for objective in objectives], axis=0)
    return first_rows(sets, mean, top=top, least=True)


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
