"""Scores of combinations as one crossed design, combination × seed × target × item, and what is told from the best.

score = target + seed + combination + combination by target + combination by item + run + rest. All combinations share
one estimate of each kind of noise, so that two or three seeds of each are enough to know it. Targets and test items are
samples of more: a combination that is better on these alone is not called better.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from mslt_cli.inference.distributions import ALPHA, fisher_p, freedom_of_sum, student_quantile
from mslt_cli.inference.shared_items import Floats, Noise, SharedItems

NODES = 64
"""Of the quadratures over the normal and over the χ distribution."""
CAREFUL = 1.25
"""Power of `freedom_of_sum`; with 2, equal combinations of which there are two or three differ too often."""
LEAST_VARIANCE = 1e-18
"""Of scores of 0..1, where runs repeat themselves exactly."""
Scores = Mapping[Any, Mapping[Any, Floats]]
"""By combination and by what was drawn for a run (its seeds): shape (T,)."""


class Standing(NamedTuple):
    """A combination beside the best of the others; in the unit of the scores."""

    behind: float
    """The best of the others less this one: negative of the best."""
    low: float = math.nan
    """95 % intervals, which hold for all combinations at once; nan where the noise is not known."""
    high: float = math.nan
    p: float = math.nan
    """Of its being the best, or as good; corrected for the number of combinations."""


@dataclass(frozen=True)
class CrossedDesign:
    """Scores of combinations on the same targets, for one or more seeds each.

    Where all have the same seeds, what a seed does to all of them cancels out; else it counts as noise of the runs.

    Source:
        Variance components by the analysis of variance: Searle, Casella and McCulloch 1992, Variance components, ch. 4;
        degrees of freedom: after Satterthwaite 1946.
    """

    scores: Scores
    others: Scores = field(default_factory=dict)
    """Combinations of the same grid that are not compared; they tell the noise of runs if no seed is repeated here."""
    items: SharedItems | None = None
    """What the runs answered, where targets share items; without it, what these do to all targets is not seen."""

    @cached_property
    def means(self) -> Floats:
        """Over targets and seeds, shape (n,)."""
        return np.array([np.mean([*runs.values()]) for runs in self.scores.values()])

    @property
    def targets(self) -> int:
        """How many, T."""
        return len(next(iter(next(iter(self.scores.values())).values())))

    @cached_property
    def seeds(self) -> Floats:
        """How many each combination has, shape (n,)."""
        return np.array([len(runs) for runs in self.scores.values()], np.float64)

    @cached_property
    def run(self) -> Noise:
        """Of the mean over the targets of one run."""
        here = _residuals(self.scores)[0]
        return here if here.freedom else _residuals(self.others)[0]

    @cached_property
    def interaction(self) -> Noise:
        """Of a combination by target, for the mean over its seeds: variance of one target's, without the runs' noise.

        0 where there is one target; where no seed is repeated here, some of the runs' noise is in it.
        """
        freedom = (len(self.scores) - 1) * (self.targets - 1)
        if not freedom:
            return Noise(0.0, 0)
        by_target = np.stack([np.mean([*runs.values()], axis=0) for runs in self.scores.values()])  # (n, T)
        own = by_target - by_target.mean(axis=1, keepdims=True)
        square = float(((own - own.mean(axis=0)) ** 2).sum()) / freedom
        rest = _residuals(self.scores)[1].square
        return Noise(max(0.0, square - rest * float((1 / self.seeds).mean())), freedom)

    @cached_property
    def shared(self) -> Noise:
        """Of a combination by the items that its targets share, for the mean over its seeds; 0 where it is not known.

        Where no seed is repeated here, some of the runs' noise is in it.
        """
        return self.items.noise if self.items is not None else Noise(0.0, 0)

    @property
    def knows_noise(self) -> bool:
        """Whether some combination has two seeds, and there is something to compare it with."""
        return self.run.freedom > 0 and len(self.scores) > 1

    @cached_property
    def variances(self) -> Floats:
        """Of the mean of each combination, shape (n,), as far as it differs from the others'."""
        return np.maximum(self.run.square / self.seeds + self._of_rows, LEAST_VARIANCE)

    @property
    def _of_rows(self) -> float:
        """The part of such a variance that more seeds do not make smaller: of targets and items."""
        return self.interaction.square / self.targets + self.shared.square

    @cached_property
    def freedom(self) -> float:
        """Degrees of freedom of such a variance."""
        run, interaction = self.run, self.interaction
        of_runs = (run.square * float((1 / self.seeds).mean()), run.freedom)
        of_targets = (interaction.square / self.targets, interaction.freedom)
        return freedom_of_sum([of_runs, of_targets, self.shared], CAREFUL)

    def p_all_equal(self) -> float:
        """How often combinations that are all equal would differ so much: Fisher's F."""
        weights = 1 / self.variances
        mean = float(weights @ self.means) / float(weights.sum())
        n = len(self.means)
        return fisher_p(float(weights @ (self.means - mean) ** 2) / (n - 1), n - 1, self.freedom)

    def detectable_difference(self) -> float:
        """Differences of two combinations with the usual number of seeds that are smaller can't be told from 0."""
        variance = self.run.square / float(np.median(self.seeds)) + self._of_rows
        return student_quantile(1 - ALPHA / 2, self.freedom) * math.sqrt(2 * variance)

    def standings(self) -> list[Standing]:
        """Each combination against the best of the others, in their order.

        Those with p < 0.05 are told from the best. The set of the others holds the truly best one in 95 of 100 grids;
        if all are equal, some are told apart in 5 of 100: none is, unless the combinations differ at all by the test of
        `p_all_equal`. Intervals end at 0 where the sign is sure.

        Source:
            Hsu 1984, Constrained simultaneous confidence intervals for multiple comparisons with the best; the
            distribution is Dunnett's 1955, one-sided.
        """
        n, means = len(self.means), self.means
        if not self.knows_noise:
            return [Standing(float(np.delete(means, i).max() - mean) if n > 1 else 0.0) for i, mean in enumerate(means)]
        p_equal = self.p_all_equal()
        sizes, group = np.unique(self.variances, return_inverse=True)
        counts = np.bincount(group)
        quantiles = [self._quantile(int(g), sizes, counts) for g in range(len(sizes))]
        standings = []
        for i in range(n):
            rivals = _rivals(i, means, group, len(sizes))
            errors = {g: math.sqrt(sizes[group[i]] + sizes[g]) for g in rivals}
            behind = max(rivals.values()) - means[i]
            most = max((rival - means[i]) / errors[g] for g, rival in rivals.items())
            d = quantiles[group[i]]
            low = min(0.0, max(rival - means[i] - d * errors[g] for g, rival in rivals.items()))
            high = max(0.0, max(rival - means[i] + d * errors[g] for g, rival in rivals.items()))
            p = max(p_equal, self._tail(most, int(group[i]), sizes, counts))
            standings.append(Standing(float(behind), float(low), float(high), p))
        return standings

    def _tail(self, t: float, own: int, sizes: Floats, counts: NDArray[np.int64]) -> float:
        """How often the best of the other combinations would lie t standard errors or more above an equal one.

        Own: the place in `sizes`, the distinct variances, of the one's variance; counts: of combinations, by place.
        """
        (z, weights), (scale, chi_weights) = _normal_nodes(), _chi_nodes(self.freedom)
        inside = np.ones((NODES, NODES))
        for g, size in enumerate(sizes):
            if others := counts[g] - (g == own):
                bound = t * scale[:, None] * math.sqrt(sizes[own] + size) + math.sqrt(sizes[own]) * z
                inside *= _normal(bound / math.sqrt(size)) ** others
        return min(1.0, max(0.0, 1 - float(chi_weights @ inside @ weights)))

    def _quantile(self, own: int, sizes: Floats, counts: NDArray[np.int64]) -> float:
        """The t of which `_tail` is ALPHA."""
        low, high = 0.0, 2.0
        while self._tail(high, own, sizes, counts) > ALPHA:
            high *= 2
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self._tail(middle, own, sizes, counts) > ALPHA else (low, middle)
        return high


def _rivals(i: int, means: Floats, group: NDArray[np.int64], groups: int) -> dict[int, float]:
    """The best mean of the others, by how exactly it is known."""
    others = np.arange(len(means)) != i
    inside = [(g, others & (group == g)) for g in range(groups)]
    return {g: float(means[chosen].max()) for g, chosen in inside if chosen.any()}


def _residuals(scores: Scores) -> tuple[Noise, Noise]:
    """The noise of the mean of one run over the targets; and what is left in a score on one target."""
    runs = [(combination, draw) for combination, of_draw in scores.items() for draw in of_draw]
    spare = len(runs) - len(scores)
    if spare <= 0:
        return Noise(0.0, 0), Noise(0.0, 0)
    rows = np.stack([scores[combination][draw] for combination, draw in runs])  # (N, T)
    rows = rows - np.stack([np.mean([*scores[combination].values()], axis=0) for combination, _ in runs])
    draws = {draw for _, draw in runs}
    if len(scores) > 1 and all(draws == set(of_draw) for of_draw in scores.values()):
        effects = {
            draw: np.mean([row for row, (_, own) in zip(rows, runs, strict=True) if own == draw], axis=0)
            for draw in draws
        }
        rows = rows - np.stack([effects[draw] for _, draw in runs])
        spare -= len(draws) - 1
    of_run = rows.mean(axis=1)
    rest = rows - of_run[:, None]
    targets = rows.shape[1]
    left = Noise(float((rest**2).sum()) / (spare * (targets - 1)) if targets > 1 else 0.0, spare * (targets - 1))
    return Noise(float(of_run @ of_run) / spare, spare), left


@lru_cache(maxsize=1)
def _normal_nodes() -> tuple[Floats, Floats]:
    """Values of a standard normal and their weights, which sum to 1."""
    z, weights = hermegauss(NODES)
    return z, weights / weights.sum()


def _chi_nodes(freedom: float) -> tuple[Floats, Floats]:
    """Values of χ / √freedom, evenly apart in their logarithm, and their weights, which sum to 1."""
    width = 6 / math.sqrt(2 * freedom)
    log = np.linspace(-max(width, 14 / freedom), min(width, 3), NODES)
    weights = np.exp(freedom * (log - np.exp(2 * log) / 2 + 0.5))
    return np.exp(log), weights / weights.sum()


def _normal(x: Floats) -> Floats:
    """The share of a standard normal below x, to 1e-7: numpy has no error function."""
    return np.interp(x, *_normal_table())


@lru_cache(maxsize=1)
def _normal_table() -> tuple[Floats, Floats]:
    x = np.linspace(-9, 9, 18_001)
    return x, np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in x])
