import itertools

import numpy as np
import pytest

from mslt_cli.search.objective import DistinctLabels, ItemSum, Lot, PairSum, number_of, set_number


@pytest.fixture
def distance():
    return np.array([[0.0, 0.5, 0.25], [0.5, 0.0, 1.0], [0.25, 1.0, 0.0]])


def test_a_sum_adds_the_distances_of_all_pairs(distance):
    pairs = PairSum(distance, np.arange(3))
    # {0,1,2}: 0.5 + 0.25 + 1 = 1.75; {0,1}: 0.5
    assert pairs.values(np.array([[0, 1, 2]])).tolist() == [1.75]
    assert pairs.values(np.array([[0, 1], [1, 2]])).tolist() == [0.5, 1.0]


def test_the_smallest_distance_is_that_of_the_nearest_pair(distance):
    nearest = PairSum(distance, np.arange(3), smallest=True)
    assert nearest.values(np.array([[0, 1, 2]])).tolist() == [0.25]
    assert nearest.values(np.array([[1]])).tolist() == [0.0]  # no pair, no distance


def test_languages_of_one_class_are_at_no_distance(distance):
    pairs = PairSum(distance, np.array([0, 0, 1]))
    # languages 0 and 1 are both of class 0: 0 + 0.5 + 0.5
    assert pairs.values(np.array([[0, 1, 2]])).tolist() == [1.0]


def test_amounts_add_up_and_labels_count_once():
    assert ItemSum(np.array([1.0, 2.5, 4.0])).values(np.array([[0, 2], [1, 2]])).tolist() == [5.0, 6.5]
    assert DistinctLabels(np.array([7, 7, 3, 1])).values(np.array([[0, 1, 2], [1, 2, 3]])).tolist() == [2.0, 3.0]


def test_sets_are_numbered_in_lexicographic_order():
    sets = list(itertools.combinations(range(7), 3))
    assert [number_of(list(items), 7) for items in sets] == list(range(35))
    assert [set_number(number, 7, 3) for number in range(35)] == sets


@pytest.mark.parametrize(("n", "k"), [(7, 3), (9, 2), (10, 5)])
def test_a_lot_puts_every_set_at_a_place_of_its_own(n, k):
    lot = Lot(n, k, seed=3)
    sets = np.array(list(itertools.combinations(range(n), k)))
    values = lot.values(sets)
    assert sorted(values) == pytest.approx([(i + 1) / lot.total for i in range(lot.total)])
    best = sets[int(values.argmax())]
    assert lot.at(0) == tuple(best)
    assert lot.at(lot.total - 1) == tuple(sets[int(values.argmin())])


def test_another_seed_is_another_lot_and_the_same_seed_the_same():
    sets = np.array(list(itertools.combinations(range(8), 3)))
    assert (Lot(8, 3, 1).values(sets) == Lot(8, 3, 1).values(sets)).all()
    assert (Lot(8, 3, 1).values(sets) != Lot(8, 3, 2).values(sets)).any()


def test_a_lot_over_more_sets_than_anyone_could_list_can_be_drawn():
    lot = Lot(7970, 10, seed=0)
    drawn = lot.at(0)
    assert len(set(drawn)) == 10
    assert max(drawn) < 7970
    assert lot.values(np.array([drawn])).tolist() == [1.0]
