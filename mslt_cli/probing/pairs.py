"""Values between pairs of languages, with intervals by a bootstrap over the sentences that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

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
    """Shape (languages, languages), symmetric."""
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
        """The value of one pair."""
        return Overall(float(self.value[a, b]), self.draws[:, self.pairs.index((min(a, b), max(a, b)))])


@dataclass(frozen=True)
class Overall:
    """One value, and its values under each resample of the sentences."""

    value: float
    draws: Floats
    """Shape (resamples,); empty = there is no interval; nan = too few different sentences were drawn. Draw number r has
    the same sentences for all metrics and models that have the same seed and sentences: differences are paired."""

    @property
    def interval(self) -> tuple[float, float]:
        """The middle 95 %; nan without draws, and where more than MOST_LOST of them have no value."""
        usable = self.draws[~np.isnan(self.draws)]
        if not len(usable) or len(usable) < (1 - MOST_LOST) * len(self.draws):
            return float("nan"), float("nan")
        low, high = np.quantile(usable, (0.025, 0.975))
        return float(low), float(high)


def recentre(draws: Floats, value: float) -> Floats:
    """Draws moved so that their median is the estimate: a resample repeats sentences, which biases some values.

    Args:
        draws: shape (resamples,); nan stays.
        value: the estimate.
    """
    usable = draws[~np.isnan(draws)]
    return draws + (value - float(np.median(usable))) if len(usable) else draws


def compute_pairs(
    languages: Sequence[str], compute: Callable[[int, int], tuple[float, Floats]], *, diagonal: float
) -> Pairs:
    """Compute the value of each pair.

    Args:
        languages: their names.
        compute: gives the value and the draws of languages number a and b, a < b.
        diagonal: the value of a language with itself.
    """
    k = len(languages)
    value = np.eye(k) * diagonal
    draws = []
    for a, b in combinations(range(k), 2):
        value[a, b], of_pair = compute(a, b)
        value[b, a] = value[a, b]
        draws.append(of_pair)
    return Pairs(tuple(languages), value, np.array(draws, np.float64).reshape(len(draws), -1).T)


def sentence_weights(n: int, resamples: int, seed: int) -> Floats:
    """How often each sentence is drawn in each resample: shape (resamples, n), rows add up to n."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
