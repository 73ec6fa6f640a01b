"""What the effects of the model multiply: level, languages, pairs, draws, and two terms of blending."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mslt_cli.foretelling.observations import Floats, Ints, Observations

ALL_PAIRS = 300
"""Up to so many pairs each has an effect of its own; of more, those that were trained together."""


@dataclass(frozen=True)
class Terms:
    """The terms of runs with shares x of L languages.

    In this order: 1; x_l; x_l x_m of P pairs; for S draws that several runs share, 1 and x_l; then Σ_{l<m} x_l x_m and
    Σ_{l<m} x_l x_m D_lm. Targets differ in all but the last two.
    """

    pairs: Ints
    """Those with an effect of their own, shape (P, 2)."""
    draws: tuple[Hashable, ...]
    """Those that several runs share."""
    differences: Floats
    """D of each target: by how much two languages, each trained alone, are expected to differ on it; (T, L, L)."""

    @classmethod
    def of(cls, observations: Observations) -> "Terms":
        """Terms for some runs, without differences."""
        n, draws = len(observations.languages), observations.draws
        pairs = np.argwhere(np.triu(np.ones((n, n), bool), 1))
        if len(pairs) > ALL_PAIRS:
            together = observations.combinations.T @ observations.combinations
            pairs = pairs[together[pairs[:, 0], pairs[:, 1]] > 0]
        shared = tuple(dict.fromkeys(draw for draw in draws if draws.count(draw) > 1))
        return cls(pairs, shared, np.zeros((len(observations.targets), n, n)))

    @property
    def languages(self) -> int:
        """L."""
        return len(self.differences[0])

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """How many terms there are of languages, pairs, draws, and samples of languages in draws."""
        return self.languages, len(self.pairs), len(self.draws), len(self.draws) * self.languages

    @cached_property
    def mean_differences(self) -> Floats:
        """Over the targets, shape (L, L)."""
        mean: Floats = self.differences.mean(axis=0)
        return mean

    def features(self, shares: Floats, draws: Sequence[Hashable] | None = None) -> Floats:
        """The terms of shares of shape (N, L), shape (N, F); without draws those of the true score."""
        left, right = self.pairs.T
        same = np.zeros((len(shares), len(self.draws)))
        if draws is not None and self.draws:
            same = np.array([[draw == one for one in self.draws] for draw in draws], np.float64)
        samples = (same[:, :, None] * shares[:, None, :]).reshape(len(shares), -1)
        mixed, inherited = (1 - (shares**2).sum(axis=1)) / 2, inherit(shares, self.mean_differences)
        level, own = np.ones(len(shares)), shares[:, left] * shares[:, right]
        return np.column_stack([level, shares, own, same, samples, mixed, inherited])

    def of_pairs(self) -> Floats:
        """The terms that x_l x_m of each pair has, shape (L, L, F)."""
        n = self.languages
        terms = np.zeros((n, n, 3 + sum(self.sizes)))
        left, right = self.pairs.T
        own = 1 + n + np.arange(len(self.pairs))
        terms[left, right, own] = terms[right, left, own] = 1
        terms[:, :, -2] = 1
        terms[:, :, -1] = self.mean_differences
        return terms


def inherit(shares: Floats, differences: Floats) -> Floats:
    """Σ_{l<m} x_l x_m D_lm of shares of shape (N, L) and differences of shape (L, L); shape (N,)."""
    inherited: Floats = ((shares @ differences) * shares).sum(axis=1) / 2
    return inherited


def expected_size(mean: Floats, variance: Floats) -> Floats:
    """E |d| of normal d: the mean of the folded normal distribution."""
    sd = np.sqrt(np.maximum(variance, 1e-12))
    ratio = mean / sd
    size: Floats = sd * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2) + mean * _erf(ratio / math.sqrt(2))
    return size


def _erf(x: Floats) -> Floats:
    """The error function to 2e-7, which numpy lacks.

    Source:
        Abramowitz and Stegun 1964, 7.1.26.
    """
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    error: Floats = np.sign(x) * (1 - series * np.exp(-(x**2)))
    return error
