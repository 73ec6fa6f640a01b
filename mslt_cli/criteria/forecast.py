"""The scores that a model foretells of combinations: means for the search, and intervals and chances for the best."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.foretelling.choice import best_of
from mslt_cli.foretelling.model import ScoreModel
from mslt_cli.inference.distributions import NORMAL
from mslt_cli.results.outlook import Grounds, grounds_of, widest_difference
from mslt_cli.search.objective import ItemSum, PairSum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RIVALS = 500
"""Combinations among which the chance to be the best is worked out, where they are more."""
DRAWS = 4_000
"""Of what these truly score."""


class Outlook(NamedTuple):
    """What is foretold of one combination; scores in percent."""

    score: float
    low: float
    """Of the 90 % interval of its true score, without the noise of any run."""
    high: float
    p_best: float | None
    """The chance that it is the best of its rivals; None where it is not among them."""
    regret: float | None
    """Points by which the best of them is better, on average; None likewise."""
    runs: int
    """How many it has, of equal shares."""
    measured: float | None
    """Their mean score; None without runs."""


class Chances(NamedTuple):
    """How combinations stand among their rivals."""

    outlooks: tuple[Outlook, ...]
    """Of each that was asked for."""
    widest: float | None
    """No two combinations are further apart, in points, with 95 % probability; None where not all are rivals."""
    rivals: int
    """How many there are; 0 where these are not known."""
    grounds: Grounds
    """What all this rests on."""


@dataclass(frozen=True)
class Forecast:
    """A fitted model, and where the n languages of a pool stand in it."""

    model: ScoreModel
    facts: Mapping[str, Any]
    """What it was fitted to, for JSON."""
    place: Ints
    """Of each language of the pool among those of the model, shape (n,)."""
    seed: int

    rivals = RIVALS

    @property
    def untrained(self) -> list[int]:
        """The positions of the pool's languages that no run has: their relatives foretell them."""
        return np.flatnonzero(~self.model.observations.shares[:, self.place].any(axis=0)).tolist()

    def objective(self, k: int) -> PairSum | ItemSum:
        """The foretold mean scores of combinations of k, in percent.

        The mean is level + Σ e_i / k + Σ c_ij / k² of effects e and pairs c; each effect is shared out among the k − 1
        pairs of its language, and the level among all, so that pairs alone add up to it.
        """
        effects = self.model.effects
        own = effects.mean[self.place]
        if k == 1:
            return ItemSum(100 * (effects.level + own))
        pairs = effects.pairs[np.ix_(self.place, self.place)] / k**2
        pairs = pairs + (own[:, None] + own) / (k * (k - 1)) + effects.level / comb(k, 2)
        np.fill_diagonal(pairs, 0.0)
        return PairSum(100 * pairs, np.arange(len(own)))

    def shares(self, sets: Ints) -> Floats:
        """Equal shares of sets of positions in the pool, shape (b, k) → (b, L)."""
        shares = np.zeros((len(sets), len(self.model.observations.languages)))
        np.put_along_axis(shares, self.place[sets], 1 / sets.shape[1], axis=1)
        return shares

    def means(self, sets: Ints) -> Floats:
        """Foretold scores of sets of any one size, percent, shape (b, k) → (b,)."""
        means: Floats = 100 * self.model.predict(self.shares(sets)).mean
        return means

    def chances(self, sets: Ints, rivals: Ints, *, all_listed: bool) -> Chances:
        """The outlook of each of some sets among its rivals, of which the best foretold ones count.

        Args:
            sets: positions in the pool, sorted, shape (b, k).
            rivals: combinations that may be better, shape (r, k); r may be 0.
            all_listed: whether these are all that there are.
        """
        foretold = self.model.predict(self.shares(sets))
        all_listed &= len(rivals) <= RIVALS
        if len(rivals) > RIVALS:
            values = self.objective(rivals.shape[1]).values(rivals)
            rivals = rivals[np.argsort(-values, kind="stable")[:RIVALS]]
        of_rivals: dict[tuple[int, ...], tuple[float, float]] = {}
        widest = None
        if len(rivals):
            draws = self.model.draw(self.shares(rivals), DRAWS, self.seed)
            best = best_of(draws)
            widest = widest_difference(draws) if all_listed else None
            pairs = zip(best.p_best.tolist(), best.regret.tolist(), strict=True)
            of_rivals = dict(zip(map(tuple, rivals.tolist()), pairs, strict=True))
        runs, measured = self._measured(self.shares(sets))
        outlooks = []
        for number, items in enumerate(map(tuple, sets.tolist())):
            score, half = 100 * float(foretold.mean[number]), 100 * NORMAL[90] * float(foretold.sd[number])
            p_best, regret = of_rivals.get(items, (None, None))
            mean = measured[number] if runs[number] else None
            outlooks.append(Outlook(score, score - half, score + half, p_best, regret, runs[number], mean))
        return Chances(tuple(outlooks), widest, len(rivals), grounds_of(self.model, sets.shape[1]))

    def _measured(self, shares: Floats) -> tuple[list[int], list[float]]:
        """How many runs there are of some shares, shape (b, L), and their mean score, percent."""
        observations = self.model.observations
        scores, numbers, means = 100 * observations.scores @ self.model.weights, [], []
        for row in shares:
            same = (np.abs(observations.shares - row) < 1e-6).all(axis=1)
            numbers.append(int(same.sum()))
            means.append(float(scores[same].mean()) if same.any() else 0.0)
        return numbers, means
