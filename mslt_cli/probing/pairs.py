"""Values between pairs of languages, with intervals by a bootstrap over the sentences that they share."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.evaluation.metrics import limits

Floats = NDArray[np.float64]
Embeddings = Sequence[NDArray[Any]]
"""Of each language, shape (n, d); row i is the same sentence in all of them."""
MOST_LOST = 0.05
"""Share of draws without a value up to which the others make an interval."""


@dataclass(frozen=True)
class ProbeOptions:
    """How the mixing of languages is measured."""

    debiased: bool = True
    """CKA without its bias for few sentences."""
    csls: bool = False
    """Retrieval without hubs."""
    resamples: int = 200
    """Bootstrap resamples of the sentences, for the intervals; 0 = no intervals."""
    seed: int = 0
    """Seed of all that is drawn at random."""

    def draw_sentences(self, n: int) -> Floats:
        """How often each of n sentences is drawn in each resample: shape (resamples, n), rows add up to n."""
        rng = np.random.default_rng(self.seed)
        return rng.multinomial(n, np.full(n, 1 / n), size=self.resamples).astype(np.float64)


@dataclass(frozen=True)
class BootstrapValue:
    """One value, and its values under each resample of the sentences."""

    value: float
    draws: Floats
    """Shape (resamples,); empty = there is no interval; nan = too few different sentences were drawn. Draw number r has
    the same sentences for all metrics and models that have the same seed and sentences: differences are paired."""

    limits: tuple[float, float] | None = None
    """The 95 % interval, where draws show too little of it: a share that is 1 in the data is 1 in every draw."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 %: the limits, else the middle of the draws.

        nan without draws, and where more than MOST_LOST of them have no value.
        """
        if self.limits is not None and len(self.draws):
            return self.limits
        usable = self.draws[~np.isnan(self.draws)]
        if not len(usable) or len(usable) < (1 - MOST_LOST) * len(self.draws):
            return float("nan"), float("nan")
        low, high = np.quantile(usable, (0.025, 0.975))
        return float(low), float(high)

    def minus(self, other: "BootstrapValue") -> "BootstrapValue":
        """The difference of two values of the same sentences.

        Limits are put together by how the draws correlate (MOVER), so that it is no surer than the two are.

        Source:
            Zou and Donner 2008, Construction of confidence limits about effect measures.
        """
        value, draws = self.value - other.value, self.draws - other.draws
        if self.limits is None or other.limits is None or not len(draws):
            return BootstrapValue(value, draws)
        moves = self.draws.std() * other.draws.std()
        alike = float(np.cov(self.draws, other.draws, ddof=0)[0, 1] / moves) if moves > 0 else 0.0
        (low, high), (other_low, other_high) = self.limits, other.limits
        below, above = (
            math.sqrt(max(0.0, a**2 + b**2 - 2 * alike * a * b))
            for a, b in (
                (self.value - low, other_high - other.value),
                (high - self.value, other.value - other_low),
            )
        )
        return BootstrapValue(value, draws, (value - below, value + above))


def share_of_decisions(right: Floats, decisions: int, weights: Floats) -> BootstrapValue:
    """The share of decisions that are right, as many about each sentence; those of a sentence err together.

    Args:
        right: how many are right, by sentence, shape (n,).
        decisions: about each sentence.
        weights: of the sentences in each resample, shape (resamples, n), rows add up to n.
    """
    n = len(right)
    ends = limits(np.stack([right, np.full(n, decisions)], axis=1).astype(np.int64))
    return BootstrapValue(float(right.mean()) / decisions, weights @ right / (n * decisions), ends)


Measured = dict[tuple[int, ...], BootstrapValue]
"""Values by the places of two languages, a < b. The key () has that of all languages together: the mean over pairs, or
the value of a metric without pairs."""


def compute_pairs(k: int, compute: Callable[[int, int], tuple[float, Floats]]) -> Measured:
    """Compute the value and the draws of each pair of k languages, and their means."""
    pairs: Measured = {(a, b): BootstrapValue(*compute(a, b)) for a, b in combinations(range(k), 2)}
    values, draws = zip(*((pair.value, pair.draws) for pair in pairs.values()), strict=True)
    return {(): BootstrapValue(float(np.mean(values)), np.mean(draws, axis=0)), **pairs}


def recentre(draws: Floats, value: float) -> Floats:
    """Draws moved so that their median is the value (nan stays): repeated sentences bias some values."""
    usable = draws[~np.isnan(draws)]
    return draws + (value - float(np.median(usable))) if len(usable) else draws
