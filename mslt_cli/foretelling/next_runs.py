"""What to do with what is foretold: whether a choice is certain enough, and which run would help it most."""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from mslt_cli.foretelling.choice import best_of
from mslt_cli.foretelling.design import Combination
from mslt_cli.foretelling.observations import Floats, equal_shares

CHANCE = 0.05
"""A choice is certain where another one is that much better with less than this probability."""
MOST_WEIGHED = 600
"""Combinations whose true scores are drawn jointly: of more, those that may be best, and some others."""
MOST_SCORED = 20_000
"""Combinations that are scored one by one; of more, those near the best ones found are."""
NODES = 33
"""At which the score of a run that is not made yet is integrated over."""


class Decision(NamedTuple):
    """What joint draws of the true scores of N combinations say of choosing one."""

    chosen: int
    """Place of the combination with the highest expected score: choosing it costs least on average."""
    p_best: Floats
    """Shape (N,)."""
    regret: Floats
    """Shape (N,): by how many points the best is better, on average."""
    p_better: float
    """Probability that any other is better than the chosen one by more than the points asked for."""
    of_any: float
    """Points by which the best is better than a combination that is taken blindly, on average."""
    at_most: float
    """Points: whichever combination is taken, the best is better by no more, with 95 % probability."""


def judge(draws: Floats, within: float, usual: Sequence[int]) -> Decision:
    """Weigh the choice.

    Args:
        draws: what N combinations truly score, 0..1, drawn jointly; shape (draws, N).
        within: points by which another one may be better.
        usual: places of combinations that stand for all of the pool.
    """
    chosen, best = int(draws.mean(axis=0).argmax()), best_of(draws)
    highest = draws.max(axis=1)
    p_better = float((100 * (highest - draws[:, chosen]) > within).mean())
    behind = 100 * (highest[:, None] - draws[:, list(usual)])
    of_any, at_most = float(behind.mean()), float(np.quantile(behind, 1 - CHANCE))
    return Decision(chosen, best.p_best, best.regret, p_better, of_any, at_most)


def most_telling(draws: Floats, noise: Floats, n: int) -> list[int]:
    """The next n runs, several at once: each the one after which the best expected score is highest on average.

    Args:
        draws: as in `judge`.
        noise: standard deviation of the score of a run of each about the true one, shape (N,), 0..1.

    Returns:
        Places of their combinations; one may come twice.

    Source:
        Knowledge gradient for correlated normal beliefs: Frazier, Powell and Dayanik 2009, INFORMS J. on Computing 21.
    """
    mean = draws.mean(axis=0)
    covariance = np.atleast_2d(np.cov(draws, rowvar=False))
    z = _normal_nodes(NODES)
    chosen = []
    for _ in range(n):
        # (N, N): of the means, by one sd of a run's score
        change = covariance / np.sqrt(np.diag(covariance) + noise**2)
        worth = np.array([(mean[:, None] + np.outer(column, z)).max(axis=0).mean() for column in change.T])
        best = int(worth.argmax())
        chosen.append(best)
        covariance = covariance - np.outer(change[:, best], change[:, best])  # whatever it scores, it tells that much
    return chosen


def _normal_nodes(n: int) -> Floats:
    """Means of a standard normal variable within n parts of equal probability, nearly."""
    from statistics import NormalDist

    nodes = np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])
    scaled: Floats = nodes / nodes.std()
    return scaled


def worth_weighing(
    predict: Callable[[Floats], tuple[Floats, Floats]],
    languages: int,
    k: int,
    *,
    pool: Sequence[int] | None = None,
    fixed: Sequence[int] = (),
    seed: int = 0,
) -> tuple[list[Combination], list[int]]:
    """The combinations of k that may be the best, and the places of those that stand for all of the pool.

    All of a small pool; of a large one those whose mean plus two standard deviations is highest, found by exchanging
    one language at a time from the best of a sample where they are too many to be scored one by one.

    Args:
        predict: shares (N, L) → means and standard deviations of their scores, shapes (N,).
        languages: L.
        pool: places of those that are chosen from, sorted; default: all.
        fixed: places of those that every combination holds.
        seed: of the sample.
    """
    rng = np.random.default_rng(seed)
    free = [place for place in (range(languages) if pool is None else pool) if place not in fixed]
    rest = k - len(fixed)

    def with_fixed(some: Sequence[int]) -> Combination:
        return tuple(sorted((*fixed, *some)))

    def highest(among: Sequence[Combination], most: int) -> list[Combination]:
        mean, sd = predict(equal_shares(among, languages))
        return [among[i] for i in np.argsort(-(mean + 2 * sd), kind="stable")[:most]]

    if comb(len(free), rest) <= MOST_WEIGHED:
        every = sorted(map(with_fixed, combinations(free, rest)))
        return every, list(range(len(every)))
    if comb(len(free), rest) <= MOST_SCORED:
        every = sorted(map(with_fixed, combinations(free, rest)))
        usual = [every[i] for i in rng.choice(len(every), MOST_WEIGHED // 3, replace=False)]
        promising = highest(every, MOST_WEIGHED // 2)
    else:
        sample = {with_fixed(rng.choice(free, rest, replace=False).tolist()) for _ in range(MOST_SCORED // 4)}
        every = sorted(sample)
        usual = every[: MOST_WEIGHED // 3]
        promising, before = highest(every, MOST_WEIGHED // 2), None
        while promising[:40] != before:
            before = promising[:40]
            near = {
                tuple(sorted({*combination} - {out} | {new}))
                for combination in before
                for out in combination
                for new in free
                if out not in fixed and new not in combination
            }
            promising = highest(sorted({*near, *promising}), MOST_WEIGHED // 2)
    weighed = list(dict.fromkeys([*promising, *usual]))
    return weighed, [weighed.index(combination) for combination in usual]
