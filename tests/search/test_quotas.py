"""Fixed languages and quotas, one objective after another, against enumeration."""

import numpy as np
import pytest
from instances import distances, pair_problem, unit

from mslt_cli.search import ranking
from mslt_cli.search.best import BestSets
from mslt_cli.search.branch_and_bound import branch_and_bound
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.local_search import offer_good_sets
from mslt_cli.search.maximin import maximin
from mslt_cli.search.objective import DistinctLabels, PairSum
from mslt_cli.search.ranking import enumerate_all, rank


def constrained(seed, n=12):
    """Unit vectors of n items, and up to two fixed items with up to two quotas at once."""
    rng = np.random.default_rng(seed)
    vectors = unit(rng.random((n, 5)))
    k = int(rng.integers(3, 6))
    fixed = tuple(sorted(rng.choice(n, int(rng.integers(0, 3)), replace=False).tolist()))
    caps = tuple(
        Caps(rng.integers(0, int(rng.integers(3, 7)), n), int(rng.integers(1, 3))) for _ in range(rng.integers(1, 3))
    )
    return vectors, Wanted(n, k, fixed, caps)


def test_a_quota_counts_the_labels_of_a_set():
    cap = Caps(np.array([7, 7, 7, 8, 9]), 2)
    # {0,1,2} holds label 7 three times, {0,1,3} twice
    assert Wanted(5, 3, (), (cap,)).permits(np.array([[0, 1, 2], [0, 1, 3], [2, 3, 4]])).tolist() == [False, True, True]
    assert Wanted(5, 2).permits(np.array([[0, 1]])).tolist() == [True]
    assert Wanted(5, 3, (), (Caps(np.zeros(5), 3),)).permits(np.array([[0, 1, 2]])).tolist() == [True]


@pytest.mark.parametrize("seed", range(40))
def test_pairwise_searches_keep_to_what_is_fixed_and_to_quotas(seed):
    vectors, wanted = constrained(seed)
    gain = distances(vectors)
    for smallest in (False, True):
        expected = enumerate_all(PairSum(gain, np.arange(12), smallest=smallest), wanted, top=5, least=False).rows
        best = BestSets(5)
        if smallest:
            outcome = maximin(gain, wanted, best)
        else:
            outcome = branch_and_bound(pair_problem(gain, wanted, vectors), best)
        assert outcome.proved
        found = [(items, value) for value, items, _ in best.sorted()][:5]
        assert [items for items, _ in found] == [row.items for row in expected]
        assert [value for _, value in found] == pytest.approx([row.value for row in expected])


@pytest.mark.parametrize("seed", range(20))
def test_a_search_by_swaps_offers_only_what_is_asked_for_and_nothing_too_good(seed):
    vectors, wanted = constrained(seed)
    gain = distances(vectors)
    best = BestSets(5)
    offer_good_sets(pair_problem(gain, wanted, vectors), best, starts=4)
    expected = enumerate_all(PairSum(gain, np.arange(12)), wanted, top=1, least=False).rows
    for value, items, _ in best.sorted():
        assert set(wanted.fixed) <= set(items)
        assert len(set(items)) == wanted.k
        assert wanted.permits(np.array([items]))[0]
        assert value <= expected[0].value + 1e-9


def test_quotas_that_nothing_keeps_to_leave_no_rows(monkeypatch):
    monkeypatch.setattr(ranking, "ENUMERATE_UP_TO", -1)
    gain = distances(unit(np.random.default_rng(0).random((10, 4))))
    wanted = Wanted(10, 3, (), (Caps(np.arange(10) % 2, 1),))  # two labels, at most one each: never three languages
    for smallest in (False, True):
        found = rank(PairSum(gain, np.arange(10), smallest=smallest), wanted)
        assert found.rows == []
        assert found.exact


@pytest.mark.parametrize("seed", range(12))
def test_labels_under_quotas_are_listed_in_order(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    objective = DistinctLabels(rng.integers(0, 4, 12))
    wanted = Wanted(12, 4, (), (Caps(rng.integers(0, 6, 12), 1),))
    for least in (False, True):
        expected = enumerate_all(objective, wanted, top=20, least=least).rows
        with monkeypatch.context() as patch:
            patch.setattr(ranking, "ENUMERATE_UP_TO", -1)
            found = rank(objective, wanted, top=20, least=least).rows
        assert found == expected  # with how many tie, which are few


@pytest.mark.parametrize("seed", range(30))
def test_the_least_smallest_distance_is_that_of_enumeration(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    gain = distances(unit(rng.random((8, 4))))
    kind = np.concatenate([np.arange(8), rng.integers(0, 8, seed % 4)])
    objective = PairSum(gain, kind, smallest=True)
    fixed = (int(rng.integers(8)),) if seed % 3 == 0 else ()
    wanted = Wanted(len(kind), 4, fixed)
    expected = enumerate_all(objective, wanted, top=6, least=True).rows
    monkeypatch.setattr(ranking, "ENUMERATE_UP_TO", -1)
    found = rank(objective, wanted, top=6, least=True)
    assert [(row.items, row.rank, row.tied) for row in found.rows] == [
        (row.items, row.rank, row.tied) for row in expected
    ]
    assert [row.value for row in found.rows] == pytest.approx([row.value for row in expected])


# -- faults that were -------------------------------------------------------------------------------


def test_the_nearest_pair_that_a_quota_allows_is_the_least(monkeypatch):
    monkeypatch.setattr(ranking, "ENUMERATE_UP_TO", -1)
    gap = np.array([[0, 0.1, 0.9, 0.8], [0.1, 0, 0.7, 0.6], [0.9, 0.7, 0, 0.5], [0.8, 0.6, 0.5, 0]])
    family = Caps(np.array([0, 0, 1, 2]), 1)  # 0 and 1, the nearest, are of one family
    found = rank(PairSum(gap, np.arange(4), smallest=True), Wanted(4, 3, (), (family,)), top=1, least=True)
    # {0,2,3}: min(0.9, 0.8, 0.5) = 0.5; {1,2,3}: min(0.7, 0.6, 0.5) = 0.5
    assert [(row.items, row.value, row.rank) for row in found.rows] == [((0, 2, 3), 0.5, 1)]
