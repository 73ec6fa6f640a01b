"""What choosing each of some combinations would cost, by joint draws of what they truly score."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Best(NamedTuple):
    """Of N combinations."""

    p_best: Floats
    """Shape (N,): the probability that it is the best; they sum to 1."""
    regret: Floats
    """Shape (N,): by how many points the best is better than it, on average; in percentage points."""


def best_of(draws: Floats) -> Best:
    """How good it is to choose each combination.

    Args:
        draws: what N combinations truly score, 0..1, drawn jointly; shape (draws, N).
    """
    highest = draws.max(axis=1, keepdims=True)
    is_best = draws == highest
    p_best = (is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0)
    return Best(p_best, 100 * (highest - draws).mean(axis=0))
