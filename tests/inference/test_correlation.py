"""Rank correlations against scipy, and the p of relabelled languages against a slow twin and by simulation."""

import itertools
import math

import numpy as np
import pytest

from mslt_cli.inference.correlation import average_ranks, correlate_with_scores, kendall, spearman

scipy_stats = pytest.importorskip("scipy.stats")


def criterion_of(languages, k, rng):
    """A criterion as those of vectors are: the sum of the distances between a combination's languages."""
    points = dict(zip(languages, rng.normal(size=(len(languages), 3)), strict=True))
    return {
        combination: sum(
            float(np.linalg.norm(points[a] - points[b])) for a, b in itertools.combinations(combination, 2)
        )
        for combination in itertools.combinations(languages, k)
    }


def scores_of(languages, k, rng):
    """Scores that the languages add up to, and some noise: combinations that share languages are alike."""
    effects = dict(zip(languages, rng.normal(size=len(languages)), strict=True))
    return {
        combination: sum(effects[x] for x in combination) + 0.3 * float(rng.normal())
        for combination in itertools.combinations(languages, k)
    }


def test_equal_values_share_the_mean_of_their_ranks():
    assert average_ranks([30, 10, 20, 10]).tolist() == [4, 1.5, 3, 1.5]


def test_correlations_by_hand():
    # 1 2 3 4 against 1 2 4 3: one of six pairs is turned round, (5 − 1) / 6; d² = 0 0 1 1, 1 − 6 · 2 / (4 · 15).
    x, y = [1, 2, 3, 4], [1, 2, 4, 3]
    assert kendall(x, y) == pytest.approx(4 / 6)
    assert spearman(x, y) == pytest.approx(0.8)


@pytest.mark.parametrize("seed", range(10))
def test_correlations_are_those_of_scipy_with_ties_too(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, 35).astype(float)
    y = x + rng.integers(0, 9, 35)
    assert spearman(x, y) == pytest.approx(scipy_stats.spearmanr(x, y).statistic)
    assert kendall(x, y) == pytest.approx(scipy_stats.kendalltau(x, y).statistic)


def test_what_is_all_alike_has_no_correlation():
    assert math.isnan(spearman([1, 1, 1, 1], [1, 2, 3, 4]))
    assert math.isnan(kendall([1, 1, 1, 1], [1, 2, 3, 4]))
    same = dict.fromkeys(itertools.combinations("abcd", 2), 1.0)
    (found,) = correlate_with_scores([same], dict(zip(same, range(6), strict=True)))
    assert math.isnan(found.spearman) and math.isnan(found.p)


@pytest.mark.parametrize(("trained", "fixed"), [(10, ()), (7, ()), (6, ("a",))])
def test_p_is_that_of_a_slow_twin_which_tries_all_relabellings(trained, fixed):
    rng = np.random.default_rng(trained)
    values, scores = (make([*"abcde"], 3, rng) for make in (criterion_of, scores_of))
    values = {one: round(value, 1) for one, value in values.items() if set(fixed) <= set(one)}  # with ties
    scores = {one: scores[one] for one in list(values)[:trained]}
    free = [x for x in "abcde" if x not in fixed]
    observed = scipy_stats.spearmanr([values[one] for one in scores], [*scores.values()]).statistic
    as_strong = []
    for order in itertools.permutations(free):
        new = dict(zip(free, order, strict=True)) | {x: x for x in fixed}
        moved = [values[tuple(sorted(new[x] for x in one))] for one in scores]
        as_strong.append(abs(scipy_stats.spearmanr(moved, [*scores.values()]).statistic) >= abs(observed) - 1e-9)
    found, turned = correlate_with_scores([values, dict(reversed(values.items()))], scores, fixed=fixed)
    assert turned == found
    assert found.exact and found.relabellings == len(as_strong)
    assert found.spearman == pytest.approx(observed)
    assert found.p == pytest.approx(np.mean(as_strong))


def test_beyond_eight_languages_relabellings_are_sampled_by_a_seed():
    rng = np.random.default_rng(3)
    languages = [f"l{i}" for i in range(9)]
    values, scores = (make(languages, 3, rng) for make in (criterion_of, scores_of))
    found, itself = correlate_with_scores([values, scores], scores)
    assert not found.exact and found.relabellings == 9_999
    assert [found, itself] == correlate_with_scores([values, scores], scores)
    (other,) = correlate_with_scores([values], scores, seed=1)
    assert found.p == pytest.approx(other.p, abs=0.03) and found.p != other.p
    assert (itself.spearman, itself.p) == (pytest.approx(1), 1 / 10_000)


def test_a_criterion_that_knows_nothing_is_significant_in_one_of_twenty_grids_though_combinations_share_languages():
    rng = np.random.default_rng(0)
    languages, n = [*"abcdefg"], 200
    significant = naive = 0
    for _ in range(n):
        values, scores = (make(languages, 3, rng) for make in (criterion_of, scores_of))
        significant += correlate_with_scores([values], scores)[0].p < 0.05
        naive += scipy_stats.spearmanr([*values.values()], [*scores.values()]).pvalue < 0.05
    assert significant / n < 0.085  # 5 % and two standard errors
    assert naive / n > 0.15  # what 35 independent combinations would have said
