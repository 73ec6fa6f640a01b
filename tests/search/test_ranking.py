from math import comb

import numpy as np
import pytest
from instances import distances, instance, unit

from mslt_cli.search import branch_and_bound, ranking
from mslt_cli.search.best import competition_ranks
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.objective import DistinctLabels, ItemSum, Lot, PairSum
from mslt_cli.search.ranking import rank


def large(monkeypatch, value=0):
    """Make every pool a large one."""
    monkeypatch.setattr(ranking, "ENUMERATE_UP_TO", value)


def as_tuples(found, *, with_ties=True):
    return [(row.items, round(row.value, 9), row.rank, row.tied if with_ties else None) for row in found.rows]


def test_ranks_skip_what_ties_take_up():
    ranks, tied = competition_ranks(np.array([3.0, 5.0, 3.0 + 1e-12, 1.0]))
    # 5 is first; both 3s share rank 2; 1 is fourth
    assert ranks.tolist() == [2, 1, 2, 4]
    assert tied.tolist() == [2, 1, 2, 1]
    assert competition_ranks(np.array([3.0, 5.0, 3.0, 1.0]), least=True)[0].tolist() == [2, 4, 2, 1]


@pytest.mark.parametrize("start", range(0, 800, 40))
def test_the_searches_rank_as_enumeration_does(monkeypatch, start):
    for seed in range(start, start + 40):
        objective, wanted, top, least = instance(seed)
        expected = rank(objective, wanted, top=top, least=least)
        with monkeypatch.context() as patch:
            large(patch)
            found = rank(objective, wanted, top=top, least=least)
        uncounted = (wanted.caps and isinstance(objective, DistinctLabels)) or (
            least and getattr(objective, "smallest", False)
        )
        if not uncounted:
            assert as_tuples(found) == as_tuples(expected), seed
        else:  # ties are listed, and counted at best where all of them are
            assert as_tuples(found, with_ties=False) == as_tuples(expected, with_ties=False), seed
        assert found.exact
        assert found.gap == 0


@pytest.mark.parametrize("start", range(0, 400, 80))
def test_they_also_do_with_few_rows_of_a_pair_matrix_at_a_time(monkeypatch, start):
    monkeypatch.setattr(branch_and_bound, "_CELLS", 20)
    for seed in range(start, start + 80):
        objective, wanted, top, least = instance(seed)
        if not isinstance(objective, PairSum) or objective.smallest:
            continue
        expected = rank(objective, wanted, top=top, least=least)
        with monkeypatch.context() as patch:
            large(patch)
            assert as_tuples(rank(objective, wanted, top=top, least=least)) == as_tuples(expected), seed


def test_least_of_the_smallest_distance_is_whatever_holds_a_nearest_pair(monkeypatch):
    gap = np.array([[0, 0.2, 0.9, 0.8], [0.2, 0, 0.7, 0.6], [0.9, 0.7, 0, 0.5], [0.8, 0.6, 0.5, 0]])
    large(monkeypatch)
    found = rank(PairSum(gap, np.arange(4), smallest=True), Wanted(4, 3), top=2, least=True)
    # the nearest pair is {0, 1} at 0.2, with any third
    assert as_tuples(found) == [((0, 1, 2), 0.2, 1, 2), ((0, 1, 3), 0.2, 1, 2)]


def test_equal_languages_are_counted_without_being_listed(monkeypatch):
    # three classes of 100 languages each; the best sets take one of each: 100^3 ways, all tied
    vectors = np.eye(3)
    objective = PairSum(distances(vectors), np.repeat(np.arange(3), 100), vectors)
    found = rank(objective, Wanted(300, 3), top=2)
    assert as_tuples(found) == [((0, 100, 200), 3.0, 1, 100**3), ((0, 100, 201), 3.0, 1, 100**3)]
    # the least diverse sets stay within a class: 3 × C(100, 3)
    found = rank(objective, Wanted(300, 3), top=1, least=True)
    assert as_tuples(found) == [((0, 1, 2), 0.0, 1, 3 * comb(100, 3))]


def test_ties_too_many_to_count_are_said_to_be_so_and_the_first_are_listed(monkeypatch):
    # 300 unrelated vectors: each of the C(300, 3) sets has value 3
    vectors = np.eye(300)
    found = rank(PairSum(distances(vectors), np.arange(300), vectors), Wanted(300, 3), top=3)
    assert as_tuples(found) == [((0, 1, 2), 3.0, 1, None), ((0, 1, 3), 3.0, 1, None), ((0, 1, 4), 3.0, 1, None)]
    assert found.exact


def test_labels_of_a_large_pool_are_counted_by_their_polynomial():
    # 4 labels of 50 languages each: with all different, 50^4 sets of 4
    labels = np.repeat(np.arange(4), 50)
    found = rank(DistinctLabels(labels), Wanted(200, 4), top=1)
    assert as_tuples(found) == [((0, 50, 100, 150), 4.0, 1, 50**4)]
    found = rank(DistinctLabels(labels), Wanted(200, 4), top=1, least=True)
    assert as_tuples(found) == [((0, 1, 2, 3), 1.0, 1, 4 * comb(50, 4))]


def test_sums_of_a_large_pool_come_in_order():
    amount = np.arange(200.0)
    found = rank(ItemSum(amount), Wanted(200, 5), top=3)
    # 199+198+197+196+195 = 985, then with 194 for 195 = 984, then two ways to 983
    assert as_tuples(found) == [
        ((195, 196, 197, 198, 199), 985.0, 1, 1),
        ((194, 196, 197, 198, 199), 984.0, 2, 1),
        ((193, 196, 197, 198, 199), 983.0, 3, 2),
    ]


def test_a_lot_of_a_large_pool_starts_at_its_first_place():
    lot = Lot(500, 4, seed=5)
    found = rank(lot, Wanted(500, 4), top=2)
    assert [row.items for row in found.rows] == [lot.at(0), lot.at(1)]


def test_a_search_that_is_stopped_says_how_much_better_another_set_can_be():
    rng = np.random.default_rng(0)
    vectors = unit(rng.random((120, 40)))
    objective = PairSum(distances(vectors), np.arange(120), vectors)
    stopped = rank(objective, Wanted(120, 8), top=1, time_limit=1e-9)
    assert not stopped.exact
    assert stopped.proof == "bound"
    assert stopped.gap > 0
    longer = rank(objective, Wanted(120, 8), top=1, time_limit=2.0)
    assert longer.rows[0].value <= stopped.rows[0].value * (1 + stopped.gap) + 1e-9
    assert longer.gap <= stopped.gap + 1e-12
