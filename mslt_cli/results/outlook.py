"""What a model of scores allows one to say: how far it holds, and whether combinations differ at all."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.foretelling.model import LeftOut, ScoreModel
from mslt_cli.foretelling.signal import Signal, Verdict, find_signal
from mslt_cli.inference.distributions import ALPHA

LEAST = 7
"""Combinations of one size that are judged by themselves."""


class Grounds(NamedTuple):
    """What the foretold scores of combinations of k rest on."""

    runs: int
    """Of the whole grid."""
    size: int | None
    """k, where combinations of k were trained; None: the rest is about all that were trained."""
    combinations: int
    signal: Signal
    rho: float
    """Of their measured means with what is foretold of each when its own runs are left out: Spearman's; nan of two."""
    rmse: float
    """Points, likewise."""
    coverage: float
    """Share of the 90 % intervals that hold the measured mean."""

    @property
    def verdict(self) -> Verdict:
        """Whether the trained combinations differ by more than noise."""
        return self.signal.verdict


def grounds_of(model: ScoreModel, k: int) -> Grounds:
    """What a fitted model foretells of combinations of k rests on: those of k if LEAST were trained, else all."""
    observations, left = model.observations, model.left_out
    own = _equal_of(left.combinations, k)
    size = k if own.sum() >= LEAST else None
    signal = model.signal
    if size is None:
        own = np.ones(len(own), np.bool_)
    else:
        signal = find_signal(observations.chosen(_equal_of(observations.shares, k)), model.weights)
    some = LeftOut.of(left.combinations[own], left.predicted[own], left.sd[own], left.measured[own])
    return Grounds(len(observations.draws), size, int(own.sum()), signal, some.rho, some.rmse, some.coverage)


def _equal_of(shares: NDArray[np.float64], k: int) -> NDArray[np.bool_]:
    """Which rows are equal shares of k, shape (N, L) → (N,)."""
    of_k: NDArray[np.bool_] = ((shares > 0).sum(axis=1) == k) & (shares.max(axis=1) < 1 / k + 1e-6)
    return of_k


def widest_difference(draws: NDArray[np.float64]) -> float:
    """The points that no two of N combinations are further apart by, with 95 % probability.

    Args:
        draws: of what they truly score, 0..1, shape (D, N).
    """
    return 100 * float(np.quantile(draws.max(axis=1) - draws.min(axis=1), 1 - ALPHA))
