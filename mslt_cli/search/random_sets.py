"""Combinations drawn at random, with which the best one is compared."""

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import TIE
from mslt_cli.search.competition import Ranking
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.lot import Lot
from mslt_cli.search.objective import Objective

RANDOM_SAMPLE = 10_000
"""Random combinations that the best one is compared with where they cannot all be listed."""


def percent_beaten(objective: Objective, wanted: Wanted, ranking: Ranking, *, least: bool, seed: int) -> float | None:
    """Share of random combinations that the best one beats, in percent; None if there are none to compare with."""
    values = ranking.values
    if values is None:
        if isinstance(objective, Lot):
            return None
        values = objective.values(draw_sets(wanted, RANDOM_SAMPLE, seed))
    if not len(values):
        return None
    best = ranking.rows[0].value
    beaten = values > best + TIE if least else values < best - TIE
    return 100.0 * float(beaten.mean())


def draw_sets(wanted: Wanted, count: int, seed: int) -> NDArray[np.int64]:
    """Up to `count` sets drawn evenly from those that are asked for, shape (b, k); fewer if quotas rule most out."""
    rng = np.random.default_rng(seed)
    free = np.setdiff1d(np.arange(wanted.n), wanted.fixed)
    missing = wanted.k - len(wanted.fixed)
    kept: list[NDArray[np.int64]] = []
    for _ in range(10):
        drawn = free[rng.integers(0, len(free), (2 * count, missing))]
        drawn = np.sort(drawn, axis=1)
        drawn = drawn[(np.diff(drawn, axis=1) > 0).all(axis=1)]
        fixed = np.repeat(np.array([wanted.fixed], dtype=np.int64), len(drawn), axis=0)
        sets = np.concatenate([fixed, drawn], axis=1)
        kept.append(sets[wanted.permits(sets)])
        if sum(map(len, kept)) >= count:
            break
    return np.concatenate(kept)[:count]
