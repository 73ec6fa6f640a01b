import numpy as np
import pytest
from instances import distances, unit

from mslt_cli.search.best import BestSets
from mslt_cli.search.branch_and_bound import PairwiseProblem, branch_and_bound
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.local_search import swap_search
from mslt_cli.search.maximin import maximin
from mslt_cli.search.meet_in_the_middle import is_flat, meet_in_the_middle
from mslt_cli.search.objective import PairSum


def top_values(gain, k, top, smallest=False):
    sets = all_sets(Wanted(len(gain), k))
    return np.sort(PairSum(gain, np.arange(len(gain)), smallest=smallest).values(sets))[::-1][:top]


def values(best, top):
    return [value for value, _, _ in best.sorted()][:top]


def test_a_bound_is_never_below_the_optimum():
    rng = np.random.default_rng(1)
    gain = distances(unit(rng.random((14, 5))))
    best = BestSets(1)
    outcome = branch_and_bound(PairwiseProblem(gain, 5), best, deadline=0.0)
    assert not outcome.proved
    assert outcome.bound >= top_values(gain, 5, 1)[0] - 1e-12


@pytest.mark.parametrize("seed", range(10))
def test_distances_that_no_vectors_have_are_searched_exactly(seed):
    rng = np.random.default_rng(seed)
    gain = rng.random((13, 13))
    gain = (gain + gain.T) / 2
    np.fill_diagonal(gain, 0)
    centre = np.eye(13) - 1 / 13
    curvature = float(np.linalg.eigvalsh(centre @ gain @ centre)[-1])
    for bound in (curvature, None):
        best = BestSets(5)
        assert branch_and_bound(PairwiseProblem(gain, 4, bound), best).proved
        assert values(best, 5) == pytest.approx(top_values(gain, 4, 5))


@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_halves_that_meet_find_the_best_sets_of_flat_vectors(k):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        vectors = unit(np.c_[rng.normal(size=(14, 3)), 0.03 * rng.normal(size=(14, 3))])
        assert is_flat(vectors, k)
        problem = PairwiseProblem(distances(vectors), k)
        best = BestSets(4)
        swap_search(problem, best, starts=3)
        assert meet_in_the_middle(problem, vectors, best).proved
        assert values(best, 4) == pytest.approx(top_values(problem.gain, k, 4))


def test_vectors_of_many_dimensions_are_not_flat():
    assert not is_flat(unit(np.random.default_rng(0).random((50, 30))), 4)


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
    gain = distances(unit((rng.random((n, 20)) < 0.5) + 0.05))
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
    branch_and_bound(PairwiseProblem(gain, k), best)
    assert values(best, 1) == pytest.approx([-solved.fun])
