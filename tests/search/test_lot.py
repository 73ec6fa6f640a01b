import itertools
from math import comb

import numpy as np
import pytest

from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.exhaustive import combinations
from mslt_cli.search.objective import Lot, number_of, set_number
from mslt_cli.search.ranking import enumerate_all, rank


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (5, 5), (6, 1), (7, 3), (11, 4)])
def test_places_are_a_permutation_that_at_inverts(n, k):
    lot = Lot(n, k, seed=11)
    sets = combinations(n, k)
    by_value = sets[np.argsort(-lot.values(sets))]
    assert [lot.at(place) for place in range(lot.total)] == list(map(tuple, by_value.tolist()))


def test_the_value_of_a_set_does_not_depend_on_the_order_of_its_members():
    lot = Lot(9, 3, seed=4)
    assert len({float(lot.values(np.array([items]))[0]) for items in itertools.permutations((1, 5, 8))}) == 1


@pytest.mark.parametrize(("n", "k"), [(7970, 10), (7970, 40)])
def test_orders_too_long_for_any_list_are_inverted_all_the_same(n, k):
    # C(7970, 10) is about 2.8 × 10^32 and C(7970, 40) about 10^108: places of up to 360 bits
    lot = Lot(n, k, seed=7)
    assert lot.total == comb(n, k)
    places = [0, 1, 2, lot.total // 3, lot.total - 1]
    drawn = [lot.at(place) for place in places]
    assert len(set(drawn)) == len(places)
    for place, items in zip(places, drawn, strict=True):
        assert list(items) == sorted(set(items))
        assert len(items) == k
        assert set_number(number_of(list(items), n), n, k) == items
        # (N − place) / N
        assert lot.values(np.array([items]))[0] == pytest.approx((lot.total - place) / lot.total, rel=1e-12)


def test_the_ends_of_the_numbering():
    assert set_number(0, 7970, 10) == tuple(range(10))
    assert set_number(comb(7970, 10) - 1, 7970, 10) == tuple(range(7960, 7970))
    assert number_of(list(range(7960, 7970)), 7970) == comb(7970, 10) - 1


def test_a_lot_prefers_no_language():
    # Each language is in C(19, 3) / C(20, 4) = 1/5 of all sets, and so in about 200 of the first 1,000. The spread
    # of a fair draw is √(1000 × 1/5 × 4/5) = 12.6; five of those either way is 63.
    lot = Lot(20, 4, seed=0)
    count = np.bincount(np.array([lot.at(place) for place in range(1000)]).ravel(), minlength=20)
    assert (abs(count - 200) < 63).all()


def test_what_a_small_pool_lists_a_large_one_draws(monkeypatch):
    lot = Lot(12, 4, seed=2)
    for fixed, least in [((), False), ((), True), ((3,), False), ((3, 8), True)]:
        wanted = Wanted(12, 4, fixed)
        listed = enumerate_all(lot, wanted, top=9, least=least)
        with monkeypatch.context() as patch:
            patch.setattr("mslt_cli.search.ranking.ENUMERATE_UP_TO", -1)
            drawn = rank(lot, wanted, top=9, least=least)
        assert drawn.rows == listed.rows


def test_fixed_languages_are_in_every_set_of_a_lot_drawn_for_them(monkeypatch):
    monkeypatch.setattr("mslt_cli.search.ranking.ENUMERATE_UP_TO", -1)
    wanted = Wanted(40, 6, (3, 9, 17, 21, 30))
    found = rank(Lot(40, 6, 0, wanted.fixed), wanted, top=50)
    # C(35, 1) sets hold the five, and all of them come
    assert len({row.items for row in found.rows}) == 35
    assert all(set(wanted.fixed) <= set(row.items) for row in found.rows)
    assert found.exact


def test_a_lot_under_quotas_says_when_its_time_was_up(monkeypatch):
    monkeypatch.setattr("mslt_cli.search.ranking.GRACE_S", 0.1)
    labels = np.append(np.zeros(998, dtype=np.int64), [1, 2])  # one set in 80 million has three labels
    found = rank(Lot(1000, 3, 0), Wanted(1000, 3, (), (Caps(labels, 1),)), top=1, time_limit=0.1)
    assert (found.rows, found.exact) == ([], False)
