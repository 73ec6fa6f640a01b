"""Every combination, valued and ranked (small pools, the oracle of the other searches), and random ones."""

from collections.abc import Sequence

import numpy as np

from mslt_cli.search import Floats, Ints
from mslt_cli.search.best import TIE, Ranking, Row, competition_ranks
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.objective import Lot, Objective

ENUMERATE_UP_TO = 200_000
"""Combinations up to which all are valued; beyond, the search leaves out what cannot be wanted."""

RANDOM_SAMPLE = 10_000
"""Random combinations that the best one is compared with where they cannot all be listed."""


def can_list(wanted: Wanted) -> bool:
    """Whether there are few enough combinations, and these small enough, to value all of them within a second or so."""
    work = wanted.total * min(wanted.k**2, 100 + wanted.n**2 // 20)
    return wanted.total <= ENUMERATE_UP_TO and work <= 500_000_000


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


def first_rows(sets: Ints, values: Floats, *, top: int, least: bool = False) -> Ranking:
    """Rank all combinations by their values; sets in lexicographic order, shape (b, k), values (b,)."""
    ranks, tied = competition_ranks(values, least=least)
    order = np.lexsort((np.arange(len(sets)), ranks))[:top]
    rows = [Row(tuple(sets[i].tolist()), float(values[i]), int(ranks[i]), int(tied[i])) for i in order]
    return Ranking(rows, True, "enumerated", 0.0, sets, values)


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


def percent_beaten(
    objective: Objective, wanted: Wanted, ranking: Ranking, *, least: bool, seed: int
) -> tuple[float | None, int]:
    """Share of random combinations that the best one beats, in percent, None if there are none; and how many these are.

    Large combinations are compared with fewer: each costs as much as it has pairs.
    """
    values = ranking.values
    if values is None:
        count = RANDOM_SAMPLE if wanted.k < 64 else min(RANDOM_SAMPLE // 10, 40_000_000 // wanted.k**2)
        if isinstance(objective, Lot) or count < 10:
            return None, 0
        values = objective.values(draw_sets(wanted, count, seed))
    if not len(values):
        return None, 0
    best = ranking.rows[0].value
    beaten = values > best + TIE if least else values < best - TIE
    return 100.0 * float(beaten.mean()), len(values)


def draw_sets(wanted: Wanted, count: int, seed: int) -> Ints:
    """Up to `count` sets drawn evenly from those that are asked for, shape (b, k); fewer if quotas rule most out."""
    rng = np.random.default_rng(seed)
    free = np.setdiff1d(np.arange(wanted.n), wanted.fixed)
    missing = wanted.k - len(wanted.fixed)
    kept: list[Ints] = []
    for _ in range(10):
        if missing**2 > 6 * len(free):  # nearly all that are drawn one by one would hold a language twice
            drawn = np.array([rng.permutation(free)[:missing] for _ in range(count)])
        else:
            drawn = free[rng.integers(0, len(free), (2 * count, missing))]
        drawn = np.sort(drawn, axis=1)
        drawn = drawn[(np.diff(drawn, axis=1) > 0).all(axis=1)]
        fixed = np.repeat(np.array([wanted.fixed], dtype=np.int64), len(drawn), axis=0)
        sets = np.concatenate([fixed, drawn], axis=1)
        kept.append(sets[wanted.permits(sets)])
        if sum(map(len, kept)) >= count:
            break
    return np.concatenate(kept)[:count]
