"""What a search says of itself when its time is up: what it calls exact is exact, and its gap is true.

The clock is a counter: it moves on by one whenever a search looks at it, so that a search stops at the same place
on every machine.
"""

import numpy as np
import pytest
from instances import count_time, distances, instance, pair_problem, unit

from mslt_cli.criteria.typology import diversity
from mslt_cli.search import branch_and_bound, maximin, ranking
from mslt_cli.search.best import TIE, BestSets
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.objective import DistinctLabels, ItemSum, Lot, PairSum
from mslt_cli.search.ranking import enumerate_all, rank


@pytest.fixture
def counted(monkeypatch):
    """Give every search the same new clock, and let none of them enumerate."""

    monkeypatch.setattr(ranking, "ENUMERATE_UP_TO", -1)
    return lambda: count_time(monkeypatch)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("of_vectors", [True, False], ids=["vectors", "distances"])
@pytest.mark.parametrize("cells", [1_000_000, 30], ids=["one block", "many blocks"])
def test_the_bound_of_a_stopped_search_is_never_below_the_optimum(monkeypatch, seed, of_vectors, cells):
    monkeypatch.setattr(branch_and_bound, "_CELLS", cells)
    rng = np.random.default_rng(seed)
    n, k = 14, 3 + seed % 3
    vectors = unit(rng.normal(size=(n, 9))) if of_vectors else None
    gain = distances(vectors) if of_vectors else rng.random((n, n))
    gain = (gain + gain.T) / 2
    np.fill_diagonal(gain, 0)
    fixed = (seed, 13) if seed % 2 else ()
    caps = (Caps(rng.integers(0, 5, n), 1 + seed % 2),) if seed % 3 == 0 else ()
    wanted = Wanted(n, k, fixed, caps)
    problem = pair_problem(gain, wanted, vectors)
    optimum = float(problem.values(all_sets(wanted)).max())
    stopped = 0
    for limit in (0, 1, 2, 4, 8, 1_000_000):
        count_time(monkeypatch)
        best = BestSets(1)
        outcome = branch_and_bound.branch_and_bound(problem, best, deadline=limit - 0.5)
        stopped += not outcome.proved
        assert max(outcome.bound, best.top) >= optimum - TIE
        if outcome.proved:
            assert best.top == pytest.approx(optimum)
    assert outcome.proved  # the last had all the time there is
    assert stopped or fixed  # and without fixed items the first had none


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 20])
def test_a_stopped_ranking_is_exact_or_states_a_true_gap(counted, limit):
    for seed in range(80):
        objective, wanted, top, least = instance(seed)
        if not isinstance(objective, PairSum) or (least and objective.smallest):
            continue
        counted()
        found = rank(objective, wanted, top=top, least=least, time_limit=limit - 0.5)
        expected = enumerate_all(objective, wanted, top=top, least=least)
        if found.exact:
            assert [(row.items, row.rank) for row in found.rows] == [(row.items, row.rank) for row in expected.rows], (
                seed
            )
            # the value is proved, and ties perhaps not counted
            assert all(a.tied in (None, b.tied) for a, b in zip(found.rows, expected.rows, strict=True)), seed
            assert found.gap == 0
        elif expected.rows:
            first, true = found.rows[0].value, expected.rows[0].value
            worse = first - true if least else true - first
            assert worse <= found.gap * abs(first) + TIE, seed
            assert all(row.tied is None for row in found.rows)  # not all were seen, so none are counted


def test_a_stopped_search_for_the_largest_smallest_distance_states_a_true_bound(monkeypatch):
    for seed in range(20):
        gain = distances(unit(np.random.default_rng(seed).normal(size=(14, 6))))
        wanted = Wanted(14, 4)
        optimum = enumerate_all(PairSum(gain, np.arange(14), smallest=True), wanted, top=1, least=False).rows[0].value
        for limit in (0, 1, 3):
            count_time(monkeypatch)
            best = BestSets(1)
            outcome = maximin.maximin(gain, wanted, best, deadline=limit - 0.5)
            assert outcome.bound >= optimum - TIE
            if outcome.proved:
                assert best.top == pytest.approx(optimum)


def test_more_time_never_makes_the_answer_worse(counted):
    vectors = np.random.default_rng(3).normal(size=(40, 12))
    objective = diversity(vectors)
    values, gaps = [], []
    for limit in (0, 3, 10, 30, 100_000):
        counted()
        found = rank(objective, Wanted(40, 4), top=1, time_limit=limit - 0.5)
        values.append(found.rows[0].value)
        gaps.append(found.gap)
    assert values == sorted(values)
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 0 == gaps[-1]


# -- faults that were -------------------------------------------------------------------------------


def test_ties_that_a_stopped_search_did_not_see_are_not_counted():
    # 120 unrelated vectors: any 3 are worth 3, and no 3 more. All C(120, 3) = 280,840 tie.
    found = rank(diversity(np.eye(120, dtype=np.uint8)), Wanted(120, 3), top=3, time_limit=1e-9)
    assert [row.tied for row in found.rows] in ([None] * 3, [280_840] * 3)


def test_the_gap_of_a_stopped_search_holds_for_sets_with_equal_vectors_too():
    # Two and two of the corners e1, e2 are worth 4 (four orthogonal pairs). All else lies halfway between, where
    # e1, e2 and two more are worth about 1 + 4 × (1 − 1/√2) = 2.17.
    corners = np.repeat(np.eye(3)[:2], 3, axis=0)
    halfway = np.array([1.0, 1.0, 0.0]) + 0.01 * np.random.default_rng(0).random((800, 3))
    objective = diversity(np.concatenate([corners, halfway]))
    assert objective.values(np.array([[0, 1, 3, 4]])) == pytest.approx([4.0])
    found = rank(objective, Wanted(806, 4), top=1, time_limit=1e-9)
    assert found.rows[0].value * (1 + found.gap) >= 4.0 - TIE


def test_sums_under_a_quota_find_something_before_the_time_is_up():
    # 100 large languages of one family, 100 small ones each of its own: at most one of the large may be taken.
    family = np.concatenate([np.zeros(100, dtype=np.int64), np.arange(1, 101)])
    amount = np.concatenate([np.arange(1000.0, 1100.0), np.arange(100.0)])
    found = rank(ItemSum(amount), Wanted(200, 6, (), (Caps(family, 1),)), top=1, time_limit=0.2)
    # the largest of the family, 1099, and 99 + 98 + 97 + 96 + 95 = 485
    assert [(row.items, row.value) for row in found.rows] == [((99, 195, 196, 197, 198, 199), 1584.0)]


def test_a_stopped_count_of_labels_states_a_true_gap(counted):
    for seed in range(400):
        objective, wanted, top, least = instance(seed)
        if not isinstance(objective, DistinctLabels):
            continue
        counted()
        found = rank(objective, wanted, top=top, least=least, time_limit=0.5)
        expected = enumerate_all(objective, wanted, top=top, least=least)
        if expected.rows and not found.exact:
            worse = abs(expected.rows[0].value - found.rows[0].value)
            assert worse <= found.gap * found.rows[0].value + TIE, seed


def test_a_lot_needs_no_time_at_all(counted):
    counted()
    assert rank(Lot(30, 3, 0), Wanted(30, 3), top=2, time_limit=-1.0).exact
