"""Ranks, correlations, Student's distribution and differences: by hand, and against scipy."""

import math

import numpy as np
import pytest

from mslt_cli.reports.grid import Contender
from mslt_cli.reports.statistics import (
    Estimate,
    average_ranks,
    correct_by_holm,
    detectable_difference,
    kendall,
    paired_difference,
    spearman,
)

scipy_stats = pytest.importorskip("scipy.stats")


def test_equal_values_share_the_mean_of_their_ranks():
    assert average_ranks([30, 10, 20, 10]).tolist() == [4, 1.5, 3, 1.5]


def test_correlations_by_hand():
    # 1 2 3 4 against 1 2 4 3: one of six pairs is turned round, (5 − 1) / 6; d² = 0 0 1 1, 1 − 6 · 2 / (4 · 15).
    x, y = [1, 2, 3, 4], [1, 2, 4, 3]
    assert kendall(x, y).value == pytest.approx(4 / 6)
    assert spearman(x, y).value == pytest.approx(0.8)
    # Fisher's z of 0.8 is 1.0986; √((1 + 0.32) / 1) = 1.1489, so z ± 2.2518.
    assert spearman(x, y).low == pytest.approx(math.tanh(1.098612 - 2.251826), abs=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_correlations_are_those_of_scipy_with_ties_too(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, 35).astype(float)
    y = x + rng.integers(0, 9, 35)
    assert spearman(x, y).value == pytest.approx(scipy_stats.spearmanr(x, y).statistic)
    assert kendall(x, y).value == pytest.approx(scipy_stats.kendalltau(x, y).statistic)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    truth = 6 / math.pi * math.asin(0.5 / 2)  # Spearman's ρ of normal values whose correlation is 0.5
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        x = rng.normal(size=35)
        found = spearman(x, 0.5 * x + math.sqrt(0.75) * rng.normal(size=35))
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_what_is_all_alike_has_no_correlation_and_few_points_no_interval():
    assert math.isnan(spearman([1, 1, 1, 1], [1, 2, 3, 4]).value)
    assert math.isnan(kendall([1, 1, 1, 1], [1, 2, 3, 4]).value)
    assert math.isnan(spearman([1, 2, 3], [1, 3, 2]).low)
    assert (spearman([1, 2, 3, 4, 5], [2, 4, 6, 8, 9]).low, kendall(range(9), range(9)).high) == (1, 1)


def test_with_one_seed_it_is_the_paired_t_test_over_targets():
    a, b = np.array([0.7, 0.6, 0.65, 0.8]), np.array([0.6, 0.58, 0.6, 0.7])
    found = paired_difference({0: a}, {0: b})
    slow = scipy_stats.ttest_rel(a, b)
    assert found.value == pytest.approx((0.1 + 0.02 + 0.05 + 0.1) / 4)
    assert found.p == pytest.approx(slow.pvalue)
    interval = slow.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_only_seeds_that_both_have_are_paired():
    a = {0: np.array([0.7, 0.6]), 1: np.array([0.5, 0.4])}
    b = {1: np.array([0.4, 0.2]), 2: np.array([0.0, 0.0])}
    found = paired_difference(a, b)
    assert found.value == pytest.approx(0.15)  # of seed 1 alone: 0.5 − 0.4 and 0.4 − 0.2
    apart = paired_difference({0: a[0]}, {2: b[2]})
    assert apart.value == pytest.approx(0.65)  # no seed is common: the mean of each


def test_seeds_that_differ_widen_the_interval():
    targets = np.linspace(0.5, 0.8, 8)
    steady = paired_difference(
        dict.fromkeys(range(3), targets + 0.02), dict.fromkeys(range(3), targets + 0.001 * targets)
    )
    shaken = paired_difference(
        {s: targets + 0.02 + 0.03 * (s - 1) for s in range(3)}, dict.fromkeys(range(3), targets + 0.001 * targets)
    )
    assert steady.value == pytest.approx(shaken.value)
    assert steady.p < 0.001 < 0.2 < shaken.p


def test_two_combinations_that_are_alike_are_told_apart_in_about_one_of_twenty():
    rng = np.random.default_rng(1)
    told = 0
    for _ in range(500):
        runs = rng.normal(scale=0.02, size=(2, 3, 1)) + rng.normal(scale=0.02, size=(2, 3, 8))
        a, b = ({s: 0.6 + runs[i, s] for s in range(3)} for i in range(2))
        told += paired_difference(a, b).p < 0.05
    assert told / 500 < 0.075


def test_without_anything_to_compare_nothing_is_claimed():
    one = paired_difference({0: np.array([0.5])}, {0: np.array([0.4])})
    assert one.value == pytest.approx(0.1) and math.isnan(one.p) and math.isnan(one.low)
    same = paired_difference({0: np.array([0.5, 0.6])}, {0: np.array([0.5, 0.6])})
    assert (same.value, same.p) == (0, 1)


def test_the_best_is_tied_with_what_holm_leaves():
    def with_p(*values):
        return [Estimate(0.1, 0.0, 0.2, p) for p in values]

    def tied(corrected):
        return [Contender(None, Estimate(0.1), p).tied for p in corrected]

    # Holm: 0.001 · 3, 0.02 · 2, 0.3 · 1.
    corrected = correct_by_holm(with_p(0.02, 0.001, 0.3))
    assert corrected == pytest.approx([0.04, 0.003, 0.3])
    assert tied(corrected) == [False, False, True]
    # What cannot be tested is tied, and is not counted: 0.02 · 2, 0.04 · 1.
    corrected = correct_by_holm(with_p(0.02, math.nan, 0.04))
    assert corrected == pytest.approx([0.04, math.nan, 0.04], nan_ok=True)
    assert tied(corrected) == [False, True, False]


def test_detectable_difference_by_hand():
    # 500 items, 9 languages, 70 % right: √(0.7 · 0.3 / 500) is 2.05 points, 0.683 on the mean of 9; times 1.96 √2.
    half = 1.959964 * math.sqrt(0.21 / 500)
    assert 100 * detectable_difference([half] * 9) == pytest.approx(1.894, abs=1e-3)
