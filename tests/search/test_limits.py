"""Very large combinations: what is listed is valued truly, and the pool's size never decides how much is held."""

import time
from itertools import combinations, product

import numpy as np
import pytest
from instances import distances, unit

from mslt_cli.search.best import most_rows
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.local_search import random_set
from mslt_cli.search.objective import Lot, PairSum, number_of, set_number
from mslt_cli.search.ranking import Classes, rank


@pytest.mark.parametrize("k", [65, 300, 599, 600])
def test_a_large_combination_has_its_value_and_a_true_gap(k):
    gap = distances(unit(np.random.default_rng(0).random((600, 5))))
    found = rank(PairSum(gap, np.arange(600)), Wanted(600, k), top=1, time_limit=0.5)
    items = np.array(found.rows[0].items)
    # each pair stands twice in the matrix of the set
    assert found.rows[0].value == pytest.approx(gap[np.ix_(items, items)].sum() / 2)
    assert len(set(items.tolist())) == k
    assert found.gap >= 0
    assert k < 600 or found.exact


def test_the_least_pair_of_a_large_set_may_be_two_of_one_class():
    gap = 1.0 - np.eye(80)
    objective = PairSum(gap, np.append(np.arange(80), 3), smallest=True)
    assert objective.values(np.array([np.arange(80), np.append(np.arange(1, 80), 80)])).tolist() == [1.0, 0.0]


def test_large_sets_are_numbered_as_small_ones_are():
    items = sorted(np.random.default_rng(1).permutation(300)[:100].tolist())
    assert set_number(number_of(items, 300), 300, 100) == tuple(items)
    assert number_of(list(range(200, 300)), 300) == Lot(300, 100, 0).total - 1


def test_fewer_rows_are_kept_of_larger_combinations():
    assert most_rows(20) == 100_000
    assert most_rows(7970) == 10
    objective = PairSum(1.0 - np.eye(900), np.arange(900))
    assert len(rank(objective, Wanted(900, 800), top=10_000, time_limit=0.2).rows) <= most_rows(800)


def test_a_random_set_keeps_to_two_quotas():
    caps = (Caps(np.arange(400) % 20, 5), Caps(np.arange(400) // 20, 6))
    chosen = random_set(Wanted(400, 60, (7,), caps), np.random.default_rng(0))
    assert chosen[0] == 7
    assert len(set(chosen.tolist())) == 60
    assert all(np.bincount(cap.labels[chosen]).max() <= cap.most for cap in caps)


def test_languages_that_nothing_tells_apart_are_listed_in_order():
    kind = np.array([0, 1, 0, 2, 1, 0, 2, 2, 3, 1])
    wanted = Wanted(10, 5)
    classes = Classes(kind, wanted)
    first = {c: [i for i in range(len(classes.copy)) if classes.class_of[i] == c] for c in range(4)}
    for sizes in product(range(4), repeat=4):
        if sum(sizes) == 5 and all(size <= len(first[c]) for c, size in enumerate(sizes)):
            items = tuple(i for c, size in enumerate(sizes) for i in first[c][:size])
            asked = [[c for c, size in enumerate(sizes) for _ in range(size)]]
            expected = [chosen for chosen in combinations(range(10), 5) if sorted(kind[list(chosen)]) in asked]
            assert list(classes.expand(items)) == expected
            assert classes.count(items) == len(expected)


def test_a_time_that_is_up_before_it_began_gives_a_set_at_once():
    gap = distances(unit(np.random.default_rng(0).random((900, 4))))
    for smallest, least in ((True, False), (True, True), (False, False), (False, True)):
        start = time.monotonic()
        found = rank(PairSum(gap, np.arange(900), smallest=smallest), Wanted(900, 400), least=least, time_limit=1e-9)
        assert time.monotonic() - start < 3
        assert len(set(found.rows[0].items)) == 400
