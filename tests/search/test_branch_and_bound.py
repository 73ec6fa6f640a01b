from dataclasses import replace

import numpy as np
import pytest
from instances import distances, pair_problem, unit

from mslt_cli.search.best import BestSets
from mslt_cli.search.branch_and_bound import branch_and_bound
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.convex_bound import convex_prices
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.maximin import maximin
from mslt_cli.search.objective import PairSum
from mslt_cli.search.problem import problem_of


def top_values(gain, k, top, smallest=False):
    sets = all_sets(Wanted(len(gain), k))
    return np.sort(PairSum(gain, np.arange(len(gain)), smallest=smallest).values(sets))[::-1][:top]


def values(best, top):
    return [value for value, _, _ in best.sorted()][:top]


def test_a_bound_is_never_below_the_optimum():
    rng = np.random.default_rng(1)
    vectors = unit(rng.random((14, 5)))
    gain = distances(vectors)
    best = BestSets(1)
    outcome = branch_and_bound(pair_problem(gain, Wanted(14, 5), vectors), best, deadline=0.0)
    assert not outcome.proved
    assert outcome.bound >= top_values(gain, 5, 1)[0] - 1e-12


@pytest.mark.parametrize("seed", range(10))
def test_distances_that_no_vectors_have_are_searched_exactly(seed):
    rng = np.random.default_rng(seed)
    gain = rng.random((13, 13))
    gain = (gain + gain.T) / 2
    np.fill_diagonal(gain, 0)
    problem = pair_problem(gain, Wanted(13, 4))
    assert problem.curvature > 0
    for curvature in (problem.curvature, None):
        best = BestSets(5)
        assert branch_and_bound(replace(problem, curvature=curvature), best).proved
        assert values(best, 5) == pytest.approx(top_values(gain, 4, 5))


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_largest_smallest_distance_is_found(k):
    for seed in range(10):
        gain = distances(unit(np.random.default_rng(seed).random((12, 4))))
        best = BestSets(3)
        assert maximin(gain, Wanted(12, k), best).proved
        assert values(best, 3) == pytest.approx(top_values(gain, k, 3, smallest=True))


@pytest.mark.parametrize(("seed", "k"), [(0, 4), (1, 5), (2, 4)])
def test_an_independent_solver_finds_the_same_optimum(seed, k):
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(seed)
    n = 14
    vectors = unit((rng.random((n, 20)) < 0.5) + 0.05)
    gain = distances(vectors)
    # HiGHS on the linearised problem: y_ij ≤ x_i, y_ij ≤ x_j, Σ x = k, max Σ gain_ij y_ij
    i, j = np.triu_indices(n, 1)
    pairs = len(i)
    rows = np.zeros((2 * pairs + 1, n + pairs))
    rows[np.arange(pairs), n + np.arange(pairs)] = 1
    rows[np.arange(pairs), i] = -1
    rows[pairs + np.arange(pairs), n + np.arange(pairs)] = 1
    rows[pairs + np.arange(pairs), j] = -1
    rows[-1, :n] = 1
    low = np.append(np.full(2 * pairs, -np.inf), k)
    high = np.append(np.zeros(2 * pairs), k)
    solved = optimize.milp(
        np.concatenate([np.zeros(n), -gain[i, j]]),
        constraints=optimize.LinearConstraint(rows, low, high),
        integrality=np.concatenate([np.ones(n), np.zeros(pairs)]),
        bounds=optimize.Bounds(0, 1),
    )
    best = BestSets(1)
    branch_and_bound(pair_problem(gain, Wanted(n, k), vectors), best)
    assert values(best, 1) == pytest.approx([-solved.fun])


def prices_of(problem):
    """Prices of the items that may join the fixed ones, and these items."""
    wanted = problem.wanted
    fixed = np.array(wanted.fixed, dtype=np.int64)
    items = np.setdiff1d(np.arange(wanted.n), fixed)
    worth, linear = problem.values(fixed[None])[0], problem.linear(fixed, items)
    return convex_prices(problem, worth, items, linear, wanted.k - len(fixed), -np.inf, 400), items


@pytest.mark.parametrize("seed", range(12))
def test_prices_bound_each_set_and_what_a_set_with_given_items_may_cost(seed):
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(10, 4)))
    gain = distances(vectors)
    if seed % 2:  # distances of no vectors
        gain = rng.random((10, 10))
        gain = (gain + gain.T) / 2
        np.fill_diagonal(gain, 0)
    wanted = Wanted(10, 4, (3,) if seed % 3 == 0 else ())
    problem = pair_problem(gain, wanted, None if seed % 2 else vectors)
    prices, items = prices_of(problem)
    sets = all_sets(wanted)
    values = problem.values(sets)
    price = np.zeros(10)
    price[items] = prices.price
    assert (values <= prices.constant - price[sets].sum(axis=1) + 1e-9).all()
    assert prices.bound >= values.max() - 1e-9
    # the items of the best set are never too dear for a set that is worth as much
    best = [i for i in sets[values.argmax()] if i not in wanted.fixed]
    for known in (1, 2):
        assert price[best[:known]].sum() <= prices.spare(values.max(), known) + 1e-9


def test_there_are_no_prices_where_the_value_is_not_concave():
    gain = distances(unit(np.random.default_rng(0).random((9, 4))))
    prices, _ = prices_of(problem_of(PairSum(gain, np.arange(9)), Wanted(9, 3), least=True))
    assert prices is None
