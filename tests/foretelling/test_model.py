"""The model of scores: against a dense slow twin, and what it refuses."""

import numpy as np
import pytest

from mslt_cli.errors import DataError
from mslt_cli.foretelling.choice import best_of
from mslt_cli.foretelling.model import fit
from mslt_cli.foretelling.observations import Observations, TooFewRunsError, equal_shares

SINGLES = [(0,), (1,), (2,)]
TRIPLES = [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]


def observe(combinations, seeds, languages=4, targets=3, seed=0):
    """Runs of made scores, every combination with every seed."""
    rng = np.random.default_rng(seed)
    shares = np.repeat(equal_shares(combinations, languages), seeds, axis=0)
    effects = rng.normal(0.5, 0.05, (languages, targets))
    scores = shares @ effects + rng.normal(0, 0.01, (len(shares), targets))
    draws = tuple(range(seeds)) * len(combinations)
    return Observations(tuple("abcdefgh"[:languages]), tuple("xyz"[:targets]), shares, scores, draws)


def test_predictions_are_level_effects_and_blending():
    model = fit(observe(SINGLES + TRIPLES, 2), weights=np.array([0.5, 0.3, 0.2]))
    shares = np.array([[0.2, 0.3, 0.5, 0.0], [0.0, 0.0, 0.25, 0.75]])
    effects = model.effects
    expected = effects.level + shares @ effects.mean + ((shares @ effects.pairs) * shares).sum(axis=1) / 2
    foretold = model.predict(shares)
    np.testing.assert_allclose(foretold.mean, expected)
    np.testing.assert_allclose(foretold.by_target @ [0.5, 0.3, 0.2], foretold.mean)
    drawn = model.draw(shares, 4000, 0)
    np.testing.assert_allclose(drawn.mean(axis=0), foretold.mean, atol=4 * foretold.sd.max() / 4000**0.5)
    np.testing.assert_allclose(drawn.std(axis=0), foretold.sd, rtol=0.05)


def test_what_cannot_be_fitted_says_why():
    with pytest.raises(TooFewRunsError, match="at least 3 different combinations, and there is 1"):
        fit(observe([(0, 1)], 1))
    observed = observe(TRIPLES, 1)
    scores = observed.scores.copy()
    scores[2, 1] = np.nan
    with pytest.raises(DataError, match=r"no score on y \(run 3 of 4\)"):
        Observations(observed.languages, observed.targets, observed.shares, scores, observed.draws)


def test_the_best_by_hand():
    # Two draws: the first is best once by 0.02 and loses once by 0.04; the second the other way round.
    best = best_of(np.array([[0.52, 0.50], [0.50, 0.54]]))
    np.testing.assert_allclose(best.p_best, [0.5, 0.5])
    np.testing.assert_allclose(best.regret, [2.0, 1.0])
