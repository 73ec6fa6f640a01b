"""Values between pairs of languages, with intervals by a bootstrap over the sentences that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_LOST = 0.05
"""Share of draws without a value up to which the others make an interval."""


@dataclass(frozen=True)
class Pairs:
    """A value for each pair of languages, and for all of them together."""

    languages: tuple[str, ...]
    value: Floats
    """Shape (languages, languages), the same in both directions."""
    draws: Floats
    """The same under each resample of the sentences: shape (resamples, pairs), in the order of `pairs`."""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(0, 1), (0, 2), …"""
        return list(combinations(range(len(self.languages)), 2))

    @property
    def mean(self) -> Overall:
        """The mean over pairs."""
        values = [self.value[a, b] for a, b in self.pairs]
        return Overall(float(np.mean(values)), self.draws.mean(axis=1))

    def of(self, a: int, b: int) -> Overall:
        """One pair."""
        return Overall(float(self.value[a, b]), self.draws[:, self.pairs.index((min(a, b), max(a, b)))])


@dataclass(frozen=True)
class Overall:
    """One value, and what it is under each resample of the sentences."""

    value: float
    draws: Floats
    """Shape (resamples,); empty = there is no interval; nan = too few different sentences were drawn. Draw number r has
    the same sentences for all metrics and models that have the same seed and sentences: differences are paired."""

    @property
    def interval(self) -> tuple[float, float]:
        """The middle 95 %; nan without draws, and where more than a few of them came to nothing."""
        known = self.draws[~np.isnan(self.draws)]
        if not len(known) or len(known) < (1 - MOST_LOST) * len(self.draws):
            return float("nan"), float("nan")
        low, high = np.quantile(known, (0.025, 0.975))
        return float(low), float(high)


def recentred(draws: Floats, value: float) -> Floats:
    """Draws moved so that their median is the estimate: a resample repeats sentences, which biases some values.

    Args:
        draws: shape (resamples,); nan stays.
        value: the estimate.
    """
    known = draws[~np.isnan(draws)]
    return draws + (value - float(np.median(known))) if len(known) else draws


def made_pairs(languages: Sequence[str], diagonal: float, found: Sequence[tuple[float, Any]]) -> Pairs:
    """Put values and draws of (0, 1), (0, 2), … together.

    Args:
        languages: their names.
        diagonal: of a language with itself.
        found: the value and the draws of each pair, in that order.
    """
    k = len(languages)
    value = np.eye(k) * diagonal
    for (a, b), (one, _) in zip(combinations(range(k), 2), found, strict=True):
        value[a, b] = value[b, a] = one
    draws = np.array([draws for _, draws in found], np.float64).reshape(len(found), -1).T
    return Pairs(tuple(languages), value, draws)


def sentence_weights(n: int, resamples: int, seed: int) -> Floats:
    """How often each sentence is drawn in each resample: shape (resamples, n), rows add up to n."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
