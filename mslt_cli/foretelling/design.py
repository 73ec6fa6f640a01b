"""Designs: which runs out of a pool teach most about all combinations of k languages, before any score is known."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from mslt_cli.errors import UsageError
from mslt_cli.foretelling.observations import Floats, equal_shares

Combination = tuple[int, ...]
"""Places of its languages in the pool, sorted."""
ONE_REPEAT_IN = 5
"""Of so many runs one repeats a combination with another seed."""
LEAST_REPEATS = 2
MOST_LISTED, DEALT = 1_200, 600
"""So many combinations are looked at one by one; of more, some are dealt out, in which all languages occur as often."""
STARTS, STARTS_OF_MANY = 8, 2
"""Exchanges begin from so many random designs, and the best is taken; fewer where not all combinations are listed."""
SWEEPS = 12
"""Over a design, at most."""
SLIGHT = 1e-4
"""A gain that is larger by less than this share of it is not larger: rounding is of that size."""
LEVEL_SD = 1.0
"""Of the level of scores of 0..1: as good as unknown."""


class DesignedRun(NamedTuple):
    """A run of a design."""

    combination: Combination
    draw: int
    """0 for its first seed, 1 for the next, …"""


@dataclass(frozen=True)
class ScorePrior:
    """How far scores of 0..1 spread before any run: standard deviations, and which languages are alike."""

    language: float = 0.06
    """Of a language's effect at a full share."""
    blending: float = 0.03
    """Of what a pair's coefficient c_lm, which stands with x_l · x_m, differs in from that of all pairs."""
    common: float = 0.05
    """Of the coefficient of all pairs."""
    run: float = 0.015
    """Of the noise of a run."""
    kinship: Floats | None = None
    """Prior correlation of the effects of languages, shape (L, L); None = none."""

    def covariance(self, a: Floats, b: Floats) -> Floats:
        """Of the true scores of shares a and b, shapes (A, L) and (B, L); shape (A, B)."""
        product = a @ b.T
        alike = product if self.kinship is None else a @ self.kinship @ b.T
        # Σ_{l<m} a_l a_m b_l b_m = ((Σ a_l b_l)² − Σ (a_l b_l)²) / 2, and Σ_{l<m} a_l a_m = (1 − Σ a_l²) / 2
        pairs = (product**2 - (a**2) @ (b**2).T) / 2
        mixed = np.outer(1 - (a**2).sum(axis=1), 1 - (b**2).sum(axis=1)) / 4
        total: Floats = self.language**2 * alike + self.blending**2 * pairs + self.common**2 * mixed + LEVEL_SD**2
        return total


def design_runs(
    languages: int,
    ks: Sequence[int],
    n: int,
    *,
    seeds: int = 1,
    done: Iterable[DesignedRun] = (),
    prior: ScorePrior = ScorePrior(),
    seed: int = 0,
) -> list[DesignedRun]:
    """The n runs that teach most about all combinations of the largest k, those that are done included.

    The combinations have the least average posterior variance of a score (I-optimality), by Fedorov's exchange from
    several random starts. With one seed, one run in five repeats a combination with the next seed, for without repeats
    noise can't be told from differences; but as many runs as there are languages stay different combinations where n
    suffices for them.

    Args:
        languages: of the pool, L.
        ks: how many languages a run may have. What is to be learned of are the combinations of the largest.
        n: runs in all.
        seeds: that each combination is trained with.
        done: runs that exist; those of these ks are part of the n. The others teach as well, and cost nothing.
        seed: of the random starts, and of the sample of combinations that a large pool is judged by.

    Returns:
        Those that are done, then the others with those that teach most first; more than n if more are done. The runs
        that would be chosen with none of these ks done, if all that are done are among them: so it goes on where it was
        stopped.

    Raises:
        UsageError: a k does not fit the pool.

    Source:
        Exchange: Fedorov 1972, Theory of Optimal Experiments. Mixtures: Scheffé 1958.
    """
    if unfit := [k for k in ks if not 1 <= k <= languages]:
        raise UsageError(f"-k is {unfit[0]}; the pool has {languages} languages.")
    done, sizes = list(dict.fromkeys(done)), tuple(sorted(set(ks)))
    space = _Space(languages, sizes, prior, seed, [run.combination for run in done])
    counted = [run for run in done if len(run.combination) in sizes]
    design = space.choose(n, seeds, [run for run in done if run not in counted])
    if not set(counted) <= set(design):
        design = space.choose(n, seeds, done)
    return sorted(design, key=lambda run: run not in counted)


def remaining_sds(
    runs: Sequence[Combination], languages: int, k: int, *, prior: ScorePrior = ScorePrior(), seed: int = 0
) -> Floats:
    """What is unknown of a combination of k after each of some runs: the standard deviation of its foretold score.

    It is the root of the mean variance over all combinations (in a large pool over a sample).

    Returns:
        Shape (runs,), in points.
    """
    space = _Space(languages, (k,), prior, seed, runs)
    return 100 * np.sqrt([space.mean_variance(runs[: i + 1]) for i in range(len(runs))])


def repeats_of(n: int, languages: int) -> int:
    """How many of n runs repeat a combination, where each has one seed.

    Two at least where n suffices for that, since one alone has what its seed does to all runs in it.
    """
    repeats = n // ONE_REPEAT_IN
    return min(max(repeats, LEAST_REPEATS), n - languages) if n >= languages else repeats


class _Space:
    """What can be chosen from a pool, beside combinations that are known, and what designs are judged by."""

    def __init__(
        self, languages: int, ks: tuple[int, ...], prior: ScorePrior, seed: int, known: Sequence[Combination] = ()
    ) -> None:
        self.languages, self.ks, self.prior = languages, ks, prior
        self.rng = np.random.default_rng(seed)
        self.listed = list(dict.fromkeys(c for k in ks for c in self._list(k)))
        self.is_whole = len(self.listed) == sum(comb(languages, k) for k in ks)
        judged = equal_shares(self._list(ks[-1]), languages)
        self.places = {c: i for i, c in enumerate(dict.fromkeys([*self.listed, *known]))}
        shares = equal_shares([*self.places], languages)
        self.covariance = prior.covariance(shares, shares)
        across = prior.covariance(shares, judged)
        self.taught = across @ across.T / len(judged)
        self.unknown = float(np.mean([prior.covariance(row[None], row[None]) for row in judged]))

    def _list(self, k: int) -> list[Combination]:
        """All combinations of k; of too many, some that are dealt like cards, round by round."""
        if comb(self.languages, k) <= MOST_LISTED:
            return list(combinations(range(self.languages), k))
        rounds = [self.rng.permutation(self.languages).tolist() for _ in range(1 + DEALT // (self.languages // k))]
        return [tuple(sorted(pile[i : i + k])) for pile in rounds for i in range(0, self.languages - k + 1, k)]

    def choose(self, n: int, seeds: int, done: Sequence[DesignedRun]) -> list[DesignedRun]:
        """As `design_runs`."""
        runs = [run for run in done if len(run.combination) in self.ks]
        there = list(dict.fromkeys(run.combination for run in runs))
        different = -(-n // seeds) if seeds > 1 else n - repeats_of(n, self.languages)
        free = max(0, min(different - len(there), n - len(runs), len(self.listed) - len(there)))
        chosen = self._choose_combinations(free, [run.combination for run in done])
        runs += [DesignedRun(combination, 0) for combination in chosen]
        if seeds > 1:
            every = [DesignedRun(combination, draw) for combination in [*there, *chosen] for draw in range(seeds)]
            runs = list(dict.fromkeys([*runs[: len(runs) - free], *every]))[: max(n, len(runs) - free)]
        while len(runs) < n:
            runs.append(self._choose_repeat(runs, [run.combination for run in done if run not in runs]))
        return runs

    def _choose_combinations(self, n: int, known: list[Combination]) -> list[Combination]:
        """n further combinations, of the best of several exchanges; those that teach most first."""
        if n == 0:
            return []
        designs = [self._exchange(n, known) for _ in range(STARTS if self.is_whole else STARTS_OF_MANY)]
        best = min(designs, key=lambda design: self.mean_variance([*known, *design]))
        ordered: list[Combination] = []
        while best:
            gains = self._gains([*known, *ordered])
            ordered.append(max(best, key=lambda combination: gains[self.places[combination]]))
            best.remove(ordered[-1])
        return ordered

    def _exchange(self, n: int, known: list[Combination]) -> list[Combination]:
        """Begin with random combinations, and put a better one in the place of each in turn until none is found."""
        able = np.array([combination not in known for combination in self.listed])
        start = self.rng.choice(np.flatnonzero(able), n, replace=False)
        design = [self.listed[i] for i in start]
        able[start] = False
        for _ in range(SWEEPS):
            before = list(design)
            for i, old in enumerate(design):
                gains = self._gains([*known, *design[:i], *design[i + 1 :]])[: len(self.listed)]
                best = int(np.where(able, gains, -np.inf).argmax())
                if able[best] and gains[best] > gains[self.places[old]] * (1 + SLIGHT):
                    able[best], able[self.places[old]] = False, True
                    design[i] = self.listed[best]
            if design == before:
                break
        return design

    def _choose_repeat(self, runs: Sequence[DesignedRun], known: Sequence[Combination]) -> DesignedRun:
        """Of the combinations with the fewest runs, the one that teaches most once more, with its next seed."""
        counts = Counter(run.combination for run in runs)
        gains = self._gains([*known, *(run.combination for run in runs)])
        fewest = [combination for combination, count in counts.items() if count == min(counts.values())]
        combination = max(fewest, key=lambda combination: gains[self.places[combination]])
        draw = next(draw for draw in range(len(runs) + 1) if DesignedRun(combination, draw) not in runs)
        return DesignedRun(combination, draw)

    def mean_variance(self, trained: Sequence[Combination]) -> float:
        """The mean variance of the true score of a combination after some runs."""
        at, inverse = self._condition(trained)
        return self.unknown - float((inverse * self.taught[np.ix_(at, at)]).sum())

    def _gains(self, trained: Sequence[Combination]) -> Floats:
        """By how much one more run on each combination would lower the mean variance; shape (places,)."""
        at, inverse = self._condition(trained)
        weights = self.covariance[:, at] @ inverse
        squares = np.diag(self.taught) - 2 * (weights * self.taught[:, at]).sum(axis=1)
        squares = squares + ((weights @ self.taught[np.ix_(at, at)]) * weights).sum(axis=1)
        variance = np.diag(self.covariance) - (weights * self.covariance[:, at]).sum(axis=1)
        gains: Floats = squares / (variance + self.prior.run**2)
        return gains

    def _condition(self, trained: Sequence[Combination]) -> tuple[list[int], Floats]:
        """The places of runs, and the inverse of the covariance of their scores."""
        at = [self.places[combination] for combination in trained]
        covariance = self.covariance[np.ix_(at, at)] + self.prior.run**2 * np.eye(len(at))
        return at, np.linalg.inv(covariance).astype(np.float64)
