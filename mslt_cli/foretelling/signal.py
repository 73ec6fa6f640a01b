"""Whether trained combinations differ at all on their targets: the share of their variance that is not noise.

`inference/crossed.py` asks more: whether they would on further targets, too. There, what is good for some targets alone
is noise (combination by target); here it is a difference, since these are the targets that scores are foretold for.
"""

import math
from typing import Literal, NamedTuple

import numpy as np

from mslt_cli.foretelling.observations import Floats, Observations
from mslt_cli.inference.distributions import ALPHA, fisher_p

MOSTLY_NOISE = 0.5
"""Share of the variance between combinations that may be more than noise, at most, where they hardly differ."""
Verdict = Literal["they differ", "they hardly differ", "too few runs to tell"]


class Signal(NamedTuple):
    """Of the combinations that were trained."""

    share: float
    """Of the variance between their measured means, what is not noise: 0..1; nan where the noise is not known."""
    low: float
    """Of its 95 % interval; nan likewise."""
    high: float
    p: float
    """How often combinations that are all equal would differ so much; nan likewise."""
    knows_noise: bool
    """Whether some combination was trained more than once."""

    @property
    def verdict(self) -> Verdict:
        """Whether the trained combinations differ by more than noise."""
        if not self.knows_noise:
            return "too few runs to tell"
        if self.p < ALPHA:
            return "they differ"
        return "they hardly differ" if self.high <= MOSTLY_NOISE else "too few runs to tell"


def find_signal(observations: Observations, weights: Floats) -> Signal:
    """The share of the variance between combinations that is not noise, by the analysis of variance.

    Args:
        observations: of C combinations.
        weights: of the targets, shape (T,), sum 1.

    Source:
        The F test, and the interval that it gives for a variance ratio: Searle, Casella and McCulloch 1992, Variance
        components, ch. 3.
    """
    scores, combination = observations.scores @ weights, observations.combination_of
    draws = [draw for draw in dict.fromkeys(observations.draws) if observations.draws.count(draw) > 1]
    one_hot = np.eye(combination.max() + 1)[combination]
    of_draws = np.array([[draw == one for one in draws] for draw in observations.draws], np.float64)
    of_draws = of_draws.reshape(len(scores), len(draws))
    without, rank = _residual(np.column_stack([of_draws, np.ones(len(scores))]), scores)
    within, whole = _residual(np.column_stack([of_draws, one_hot]), scores)
    between, spare = whole - rank, len(scores) - whole
    if spare < 1 or between < 1:
        return Signal(math.nan, math.nan, math.nan, math.nan, False)
    noise = max(within / spare, 1e-18)
    ratio = (without - within) / between / noise
    low, high = (_share(ratio, tail, between, spare) for tail in (0.025, 0.975))
    return Signal(max(0.0, 1 - 1 / ratio) if ratio > 0 else 0.0, low, high, fisher_p(ratio, between, spare), True)


def _residual(design: Floats, scores: Floats) -> tuple[float, int]:
    """The sum of squares that a design leaves, and its rank."""
    solution, _, rank, _ = np.linalg.lstsq(design, scores, rcond=None)
    left = scores - design @ solution
    return float(left @ left), int(rank)


def _share(ratio: float, tail: float, between: int, spare: int) -> float:
    """The share under which so large a ratio, or a larger one, has this probability."""
    if fisher_p(ratio, between, spare) >= tail:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if fisher_p(ratio * (1 - middle), between, spare) < tail else (low, middle)
    return low
