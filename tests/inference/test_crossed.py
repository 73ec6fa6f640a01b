"""The crossed design: mean squares by hand and against a slow twin, Hsu's comparisons by simulation."""

import math

import numpy as np
import pytest

from mslt_cli.inference.crossed import CrossedDesign

RUN, INTERACTION, REST = 0.0121, 0.0332, 0.0289
"""Standard deviations of the shipped grid, 0..1."""


def design_of(scores):
    """A design of scores of shape (n, S, T)."""
    return CrossedDesign({i: dict(enumerate(runs)) for i, runs in enumerate(scores)})


def draw(rng, truth, seeds, targets=10, *, run=RUN, interaction=INTERACTION):
    """Scores of combinations of known means, with noise of each kind."""
    n = len(truth)
    return (
        np.asarray(truth)[:, None, None]
        + run * rng.normal(size=(n, seeds, 1))
        + interaction * rng.normal(size=(n, 1, targets))
        + REST * rng.normal(size=(n, seeds, targets))
        + 0.1 * rng.normal(size=(1, 1, targets))  # what targets and seeds do to all of them
        + 0.02 * rng.normal(size=(1, seeds, 1))
    )


def test_the_noise_by_hand():
    # Two combinations, two seeds, two targets; no seed and no target but for the second of the first and of the other.
    design = design_of([[[0.4, 0.4], [0.6, 0.6]], [[0.5, 0.5], [0.5, 0.5]]])
    # Less combination and seed: ±0.05 for each of four runs; 4 · 0.05² over (2 − 1) · (2 − 1) degrees of freedom.
    assert design.run == (pytest.approx(0.01), 1)
    assert design.interaction.square == 0
    assert design.variances.tolist() == pytest.approx([0.005, 0.005])
    assert design.p_all_equal() == 1  # both score 0.5


def test_the_noise_is_that_of_the_analysis_of_variance():
    y = draw(np.random.default_rng(0), np.linspace(0, 0.1, 6), 3)
    (n, seeds, targets), design = y.shape, design_of(y)
    mean = y.mean()
    c, s, t = (y.mean(axis=axes, keepdims=True) for axes in ((1, 2), (0, 2), (0, 1)))
    cs, ct, st = (y.mean(axis=axis, keepdims=True) for axis in (2, 1, 0))
    squares = (
        targets * ((cs - c - s + mean) ** 2).sum() / ((n - 1) * (seeds - 1)),
        seeds * ((ct - c - t + mean) ** 2).sum() / ((n - 1) * (targets - 1)),
        ((y - cs - ct - st + c + s + t - mean) ** 2).sum() / ((n - 1) * (seeds - 1) * (targets - 1)),
    )
    expected = (squares[0] + squares[1] - squares[2]) / (seeds * targets)
    assert design.variances == pytest.approx(np.full(n, expected))
    assert design.run.freedom == (n - 1) * (seeds - 1)


def test_runs_with_other_seeds_are_not_paired_and_those_of_other_sizes_tell_the_noise():
    y = draw(np.random.default_rng(1), [0.5, 0.5, 0.5], 2)
    apart = CrossedDesign({i: {(i, s): row for s, row in enumerate(runs)} for i, runs in enumerate(y)})
    of_runs = y.mean(axis=2)
    assert apart.run.square == pytest.approx(of_runs.var(axis=1, ddof=1).mean())
    once = {i: {0: runs[0]} for i, runs in enumerate(y)}
    alone = CrossedDesign(once)
    assert not alone.knows_noise
    assert all(math.isnan(standing.p) for standing in alone.standings())
    assert CrossedDesign(once, apart.scores).run == apart.run


@pytest.mark.parametrize(
    ("n", "freedom", "expected"),
    # Dunnett's table, one-sided 5 %: 1, 4 and 9 comparisons; one comparison is Student's t.
    [(2, 20, 1.725), (5, 20, 2.30), (10, 20, 2.60), (2, 1, 6.314), (2, 2, 2.920), (2, 500, 1.648), (5, 5, 2.85)],
)
def test_the_distribution_is_dunnetts(n, freedom, expected):
    design = design_of(np.zeros((n, 2, 2)))
    vars(design)["freedom"] = float(freedom)
    assert design._quantile(0, np.array([1.0]), np.array([n])) == pytest.approx(expected, rel=0.004)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_of_equal_combinations_some_are_told_apart_in_one_of_twenty_grids(seeds):
    rng = np.random.default_rng(seeds)
    told = [
        any(standing.p < 0.05 for standing in design_of(draw(rng, [0.6] * 12, seeds)).standings()) for _ in range(150)
    ]
    assert np.mean(told) < 0.1  # 5 % and three standard errors


@pytest.mark.parametrize("n", [2, 3])
def test_two_or_three_equal_combinations_of_two_seeds_differ_in_seven_percent_at_most(n):
    rng = np.random.default_rng(n)
    found = [design_of(draw(rng, [0.6] * n, 2, interaction=0.02)).p_all_equal() < 0.05 for _ in range(800)]
    assert np.mean(found) <= 0.07  # 7.3 and 6.9 % with Satterthwaite's degrees of freedom


@pytest.mark.parametrize("seeds", [2, 3])
def test_the_best_is_kept_and_the_intervals_hold_all_at_once(seeds):
    rng = np.random.default_rng(10 + seeds)
    truth = np.array([0.60, 0.595, 0.59, 0.57, 0.56, 0.55, 0.50, 0.48])
    others = [np.delete(truth, i).max() - truth[i] for i in range(len(truth))]
    kept = held = told = 0
    for _ in range(150):
        standings = design_of(draw(rng, truth, seeds)).standings()
        kept += not standings[0].p < 0.05
        held += all(one.low <= x <= one.high for one, x in zip(standings, others, strict=True))
        told += sum(one.p < 0.05 for one in standings[-2:])
    assert kept / 150 >= 0.93 and held / 150 >= 0.9
    assert told / 300 > 0.8  # ten points behind


def test_with_equal_seeds_what_scores_less_is_never_more_of_a_rival():
    for seed in range(5):
        standings = design_of(draw(np.random.default_rng(seed), np.linspace(0.5, 0.6, 15), 2)).standings()
        ordered = sorted(standings, key=lambda standing: standing.behind)
        assert [one.p for one in ordered] == sorted((one.p for one in ordered), reverse=True)
        assert all((one.low == 0) == (one.p < 0.05) for one in ordered[1:])


def test_one_of_fewer_seeds_has_a_wider_interval():
    y = draw(np.random.default_rng(2), [0.6, 0.5, 0.5, 0.55], 3)
    scores = {i: dict(enumerate(runs)) for i, runs in enumerate(y)}
    scores[1] = {0: y[1, 0]}
    one, two = CrossedDesign(scores).standings()[1:3]
    assert one.high - one.behind > two.high - two.behind
