"""The model of scores: against its formula with dense matrices, by simulation, and what it refuses."""

import numpy as np
import pytest

from mslt_cli.errors import DataError
from mslt_cli.foretelling.choice import best_of
from mslt_cli.foretelling.fitting import COMMON, COMMON_SD, LEVEL_SD, fit_parts
from mslt_cli.foretelling.model import ScoreModel, fit
from mslt_cli.foretelling.observations import Observations, TooFewRunsError, equal_shares
from mslt_cli.foretelling.terms import expected_size, inherit

SINGLES = [(0,), (1,), (2,), (3,)]
TRIPLES = [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]


def observe(combinations, seeds, *, languages=4, targets=3, seed=0, spread=0.05, noise=0.01, similarity=None):
    """Runs of made scores, every combination with every seed."""
    rng = np.random.default_rng(seed)
    shares = np.repeat(equal_shares(combinations, languages), seeds, axis=0)
    effects = rng.normal(0.5, spread, (languages, targets))
    scores = shares @ effects + rng.normal(0, noise, (len(shares), targets))
    draws = tuple(range(seeds)) * len(combinations)
    names, rows = tuple("abcdefgh"[:languages]), tuple("tuvwxyz"[:targets])
    return Observations(names, rows, shares, scores, draws, similarity=similarity)


def product(a, b):
    """Σ_{l<m} of the products of the shares of two rows."""
    return sum(a[i] * a[j] * b[i] * b[j] for i in range(len(a)) for j in range(i))


def dense_covariances(model, a, draws_a, b, draws_b):
    """Of the mean and of what targets differ in, without noise, by the formula; a draw of None is the true score."""
    of_mean, of_targets = (
        dict(zip([one.name for one in part.model.components], part.sds[0] ** 2, strict=True))
        for part in (model.parts.of_mean, model.parts.of_targets)
    )
    beta, terms = float(model.parts.of_mean.model.fixed[-1, -1]), model.parts.terms
    mean, targets = np.zeros((2, len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            same = draws_a[i] is not None and draws_a[i] == draws_b[j]
            mixed = (1 - x @ x) / 2 * (1 - y @ y) / 2
            inherited = [inherit(one[None], terms.mean_differences)[0] for one in (x, y)]
            kin = x @ model.observations.similarity @ y
            mean[i, j] = LEVEL_SD**2 + of_mean["language"] * (x @ y) + of_mean["kinship"] * kin
            mean[i, j] += of_mean["blending"] * product(x, y) + COMMON_SD**2 * mixed + beta * np.prod(inherited)
            mean[i, j] += same * (of_mean["draw"] + of_mean["sample"] * (x @ y))
            targets[i, j] = LEVEL_SD**2 + of_targets["affinity"] * (x @ y) + of_targets["kin_affinity"] * kin
            targets[i, j] += of_targets["pair_affinity"] * product(x, y)
            targets[i, j] += same * (of_targets["draw_by_target"] + of_targets["sample_by_target"] * (x @ y))
    return mean, targets


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_fast_algebra_is_that_of_the_whole_covariance_of_all_scores(seeds):
    similarity = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    observed = observe(SINGLES + TRIPLES, seeds, similarity=similarity)
    weights = np.array([0.5, 0.3, 0.2])
    model = fit(observed, weights=weights)
    # At one point of the standard deviations; the fit to the same runs "like" another takes its mode.
    model = ScoreModel(observed, weights, fit_parts(observed, model.parts))
    parts, shares = model.parts, np.array([[0.2, 0.3, 0.5, 0.0], [0.0, 0.5, 0.0, 0.5]])
    x, draws, targets = observed.shares, observed.draws, len(weights)
    # cov(y_rt, y_su) = cov of means + cov of differences · (1[t = u] − 1 / T), and the noise likewise.
    own = np.eye(targets) - 1 / targets
    mean, other = dense_covariances(model, x, draws, x, draws)
    noise = parts.of_mean.sds[0, -1] ** 2 * np.eye(len(x)), parts.of_targets.sds[0, -1] ** 2 * np.eye(len(x))
    covariance = np.kron(mean + noise[0], np.ones((targets, targets))) + np.kron(other + noise[1], own)
    mean_to, other_to = dense_covariances(model, shares, [None] * 2, x, draws)
    to = np.kron(mean_to, np.ones((targets, targets))) + np.kron(other_to, own)
    mean_of, other_of = dense_covariances(model, shares, [None] * 2, shares, [None] * 2)
    before = np.kron(mean_of, np.ones((targets, targets))) + np.kron(other_of, own)
    # What is expected of blending before: c, and β of the differences of targets.
    at_runs, at_shares = (
        COMMON * (1 - (rows**2).sum(axis=1, keepdims=True)) / 2
        + parts.inheritance * np.stack([inherit(rows, one) for one in parts.terms.differences], axis=1)
        for rows in (x, shares)
    )
    solved = np.linalg.solve(covariance, np.column_stack([(observed.scores - at_runs).ravel(), to.T]))
    expected = at_shares.ravel() + to @ solved[:, 0]
    variance = before - to @ solved[:, 1:]
    foretold = model.predict(shares)
    np.testing.assert_allclose(foretold.by_target, expected.reshape(2, targets), atol=1e-5)
    np.testing.assert_allclose(foretold.by_target_sd.ravel() ** 2, np.diag(variance), atol=1e-7)
    weigh = np.kron(np.eye(2), weights)
    np.testing.assert_allclose(foretold.mean, weigh @ expected, atol=1e-5)
    np.testing.assert_allclose(foretold.sd**2, np.diag(weigh @ variance @ weigh.T), atol=1e-7)


def test_the_density_of_standard_deviations_is_that_of_the_normal_distribution():
    observed = observe(SINGLES + TRIPLES, 3)
    posterior = fit(observed).parts.of_targets
    model, data = posterior.model, posterior.data

    def slowly(logs):
        sds = np.exp(logs)
        covariance = model.features @ model.prior(sds) @ model.features.T + sds[-1] ** 2 * np.eye(len(data))
        value = -0.5 * (data * np.linalg.solve(covariance, data)).sum()
        value -= 0.5 * data.shape[1] * np.linalg.slogdet(covariance)[1]
        return value - 0.5 * (((logs - model.before[0]) / model.before[1]) ** 2).sum()

    some = np.random.default_rng(0).normal(-4, 0.5, (3, len(model.components)))
    fast = model.log_posterior(data, some)[0]
    np.testing.assert_allclose(np.diff(fast), np.diff([slowly(logs) for logs in some]))
    mode, _ = model.find_mode(data)
    nearby = mode + 0.1 * np.random.default_rng(1).normal(size=(50, len(mode)))
    assert model.log_posterior(data, nearby)[0].max() < model.log_posterior(data, mode[None])[0][0] + 1e-3


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


def test_two_equal_parts_inherit_the_better_score():
    # Alone they score 0.4 and 0.6; their mean is 0.5, and with β = 2 a quarter of twice the difference is added.
    differences = np.array([[0.0, 0.2], [0.2, 0.0]])
    assert 0.5 + 2 * inherit(np.array([[0.5, 0.5]]), differences)[0] == pytest.approx(0.6)
    # E |d| of a standard normal is √(2 / π); of one far from 0 it is d.
    np.testing.assert_allclose(
        expected_size(np.array([0.0, 9.0, -9.0]), np.ones(3)), [(2 / np.pi) ** 0.5, 9, 9], atol=1e-6
    )


def test_runs_teach_how_much_is_inherited():
    # Four languages, each good on its own target: mixtures score what their best source does there, or the mean.
    alone = 0.4 + 0.2 * np.eye(4)
    combinations = [*SINGLES, (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    shares = equal_shares(combinations, 4)
    rng = np.random.default_rng(0)
    inherited = {}
    for name, rule in {"best": np.max, "mean": np.mean}.items():
        scores = np.stack([rule(alone[list(one)], axis=0) for one in combinations]) + rng.normal(0, 0.01, (10, 4))
        observed = Observations(tuple("abcd"), tuple("abcd"), shares, scores, tuple(range(10)))
        inherited[name] = fit(observed).components["inheritance"]
    assert inherited["mean"] < 0.5 < 1.3 < inherited["best"]


def test_a_language_without_runs_is_foretold_from_its_relatives():
    # d and e have no runs; d is like a, which is the best. Both are less sure than a.
    similarity = np.eye(5)
    similarity[0, 3] = similarity[3, 0] = 0.9
    shares = np.repeat(np.eye(5)[:3], 3, axis=0)
    scores = np.repeat([[0.7, 0.7], [0.5, 0.5], [0.5, 0.5]], 3, axis=0) + np.tile([[-0.01], [0.0], [0.01]], (3, 1))
    observed = Observations(tuple("abcde"), ("x", "y"), shares, scores, (0, 1, 2) * 3, similarity=similarity)
    foretold = fit(observed).predict(np.eye(5))
    assert foretold.mean[0] > foretold.mean[3] > foretold.mean[4]
    assert foretold.sd[4] > foretold.sd[3] > 1.5 * foretold.sd[0]


def test_the_order_of_runs_does_not_matter():
    observed = observe(SINGLES + TRIPLES, 2)
    turned = observed.chosen(np.ones(16, bool))
    order = np.random.default_rng(0).permutation(16)
    turned = Observations(
        observed.languages,
        observed.targets,
        observed.shares[order],
        observed.scores[order],
        tuple(observed.draws[i] for i in order),
    )
    shares = equal_shares(TRIPLES, 4)
    a, b = fit(observed).predict(shares), fit(turned).predict(shares)
    np.testing.assert_allclose(a.mean, b.mean, atol=1e-6)
    np.testing.assert_allclose(a.sd, b.sd, atol=1e-6)


def test_a_combination_is_left_out_with_all_its_seeds():
    observed = observe(SINGLES + TRIPLES, 2)
    left = fit(observed).left_out
    own = observed.combination_of == 3
    others = fit(observed.chosen(~own))
    here = observed.shares[own][:1]
    assert left.measured[3] == pytest.approx(observed.scores[own].mean())
    assert left.predicted[3] == pytest.approx(others.predict(here).mean[0], abs=0.01)  # and what is known of its draws
    assert left.sd[3] > others.predict(here).sd[0] * 0.9
    assert left.rmse == pytest.approx(100 * np.sqrt(((left.predicted - left.measured) ** 2).mean()))


def test_intervals_hold_the_truth():
    # Ten grids of five languages: their triples are foretold from singles and pairs of two seeds.
    singles, pairs = [(i,) for i in range(5)], [(i, j) for i in range(5) for j in range(i)]
    triples = [(0, 1, 2), (0, 1, 3), (1, 2, 4), (2, 3, 4), (0, 3, 4)]
    held = []
    for seed in range(10):
        observed = observe(singles + pairs, 2, languages=5, targets=4, seed=seed, noise=0.03)
        truth = equal_shares(triples, 5) @ np.random.default_rng(seed).normal(0.5, 0.05, (5, 4)).mean(axis=1)
        foretold = fit(observed).predict(equal_shares(triples, 5))
        held.extend(np.abs(foretold.mean - truth) <= 1.6449 * foretold.sd)
    assert 0.84 <= np.mean(held) <= 1


def test_what_cannot_be_fitted_says_why():
    with pytest.raises(TooFewRunsError, match="at least 3 different combinations, and there is 1"):
        fit(observe([(0, 1)], 1))
    observed = observe(TRIPLES, 1)
    scores = observed.scores.copy()
    scores[2, 1] = np.nan
    with pytest.raises(DataError, match=r"no score on u \(run 3 of 4\)"):
        Observations(observed.languages, observed.targets, observed.shares, scores, observed.draws)


def test_runs_that_are_all_alike_are_foretold_alike():
    observed = observe(SINGLES + TRIPLES, 2, spread=0.0, noise=0.0)
    foretold = fit(observed).predict(equal_shares(TRIPLES, 4))
    np.testing.assert_allclose(foretold.mean, foretold.mean[0], atol=1e-3)
    assert np.isfinite(foretold.sd).all()


def test_one_target_is_enough():
    foretold = fit(observe(SINGLES + TRIPLES, 1, targets=1)).predict(equal_shares(TRIPLES, 4))
    np.testing.assert_allclose(foretold.by_target[:, 0], foretold.mean)


def test_the_best_by_hand():
    # Two draws: the first is best once by 0.02 and loses once by 0.04; the second the other way round.
    best = best_of(np.array([[0.52, 0.50], [0.50, 0.54]]))
    np.testing.assert_allclose(best.p_best, [0.5, 0.5])
    np.testing.assert_allclose(best.regret, [2.0, 1.0])
