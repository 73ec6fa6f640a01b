"""Whether combinations differ: by hand, and by simulation where they do not."""

import numpy as np
import pytest

from mslt_cli.foretelling.observations import Observations, equal_shares
from mslt_cli.foretelling.signal import find_signal
from mslt_cli.inference.distributions import fisher_p

TRIPLES = equal_shares([(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)], 4)


def observe(scores, *, apart=False):
    """Scores of four triples, shape (4, seeds, targets); their draws are the same, or all different."""
    seeds = scores.shape[1]
    draws = tuple(range(4 * seeds)) if apart else tuple(range(seeds)) * 4
    targets = tuple("xyz"[: scores.shape[2]])
    return Observations(tuple("abcd"), targets, np.repeat(TRIPLES, seeds, axis=0), scores.reshape(4 * seeds, -1), draws)


def test_the_share_by_hand():
    # Means 0.1, 0.2, 0.3, 0.4, each ± 0.02 by turns: between, 2 · 0.05 over 3; within, 8 · 0.02² over 4, seeds apart.
    signs = np.array([1, -1, 1, -1])
    scores = (np.array([0.1, 0.2, 0.3, 0.4])[:, None] + 0.02 * signs[:, None] * [1, -1])[:, :, None]
    signal = find_signal(observe(scores, apart=True), np.ones(1))
    ratio = (2 * 0.05 / 3) / (8 * 0.02**2 / 4)
    assert signal.share == pytest.approx(1 - 1 / ratio)
    assert signal.p == pytest.approx(fisher_p(ratio, 3, 4))
    # The interval is where so large a ratio is neither too rare nor too usual.
    assert fisher_p(ratio * (1 - signal.low), 3, 4) == pytest.approx(0.025, abs=1e-6)
    assert fisher_p(ratio * (1 - signal.high), 3, 4) == pytest.approx(0.975, abs=1e-6)


def test_what_a_seed_does_to_all_is_not_noise():
    scores = np.array([0.1, 0.2, 0.3, 0.4])[:, None, None] + np.array([0.0, 0.2])[None, :, None]
    assert find_signal(observe(scores), np.ones(1)).share == pytest.approx(1)


@pytest.mark.parametrize("apart", [False, True])
def test_equal_combinations_are_told_apart_in_one_grid_of_twenty(apart):
    rng = np.random.default_rng(0)
    signals = [
        find_signal(observe(rng.normal(0.5, 0.02, (4, 3, 2)), apart=apart), np.array([0.5, 0.5])) for _ in range(200)
    ]
    p = np.sort([signal.p for signal in signals])
    assert np.abs(p - (np.arange(200) + 0.5) / 200).max() < 0.1  # uniform: 0.096 is Kolmogorov's 5 % bound
    assert np.mean([signal.low == 0 for signal in signals]) >= 0.95


def test_without_a_repeated_run_noise_is_not_known():
    signal = find_signal(observe(np.random.default_rng(0).normal(size=(4, 1, 2))), np.array([0.5, 0.5]))
    assert not signal.knows_noise
    assert np.isnan(signal.p)
