"""Equal values: which are listed, in what order, and when they are still counted."""

import itertools
from collections import Counter
from math import comb

import numpy as np
import pytest
from instances import distances, instance

from mslt_cli.criteria.typology import diversity
from mslt_cli.search import branch_and_bound, ranking
from mslt_cli.search.best import BestSets
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.objective import DistinctLabels, ItemSum, Lot, PairSum
from mslt_cli.search.ranking import enumerate_all, rank


def rows(found):
    return [(row.items, round(row.value, 9), row.rank, row.tied) for row in found.rows]


def rank_large(objective, wanted, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "ENUMERATE_UP_TO", -1)
        return rank(objective, wanted, **options)


def families(members, groups):
    """One-hot family vectors, shape (members × groups, groups), the languages of a family side by side."""
    return np.repeat(np.eye(groups, dtype=np.uint8), members, axis=0)


@pytest.mark.parametrize("cells", [1_000_000, 20], ids=["one block", "many blocks"])
@pytest.mark.parametrize("most", [1, 3])
def test_where_ties_are_too_many_the_first_in_order_are_listed(monkeypatch, most, cells):
    # Most of these instances tie at the cut; with so few ties counted, `tied` may be None but never wrong.
    monkeypatch.setattr(ranking, "ENUMERATE_UP_TO", -1)
    monkeypatch.setattr(ranking, "TIES_TO_COUNT", most)
    monkeypatch.setattr(branch_and_bound, "_CELLS", cells)
    uncounted = 0
    for seed in range(60):
        objective, wanted, top, least = instance(seed)
        if isinstance(objective, Lot | DistinctLabels) or (least and getattr(objective, "smallest", False)):
            continue
        top = min(top, 3)
        found = rows(rank(objective, wanted, top=top, least=least))
        expected = rows(enumerate_all(objective, wanted, top=top, least=least))
        assert [row[:3] for row in found] == [row[:3] for row in expected], seed
        assert all(tied in (None, true) for (*_, tied), (*_, true) in zip(found, expected, strict=True)), seed
        uncounted += any(tied is None for *_, tied in found)
    assert uncounted  # else nothing was tried


@pytest.mark.parametrize("smallest", [False, True], ids=["sum", "smallest"])
def test_sixty_unrelated_families_tie_beyond_counting(smallest):
    # 60 families of 2 languages: any 4 families are worth 6 pairs × 1, in C(60, 4) × 2^4 = 7,802,160 ways.
    found = rank(diversity(families(2, 60), smallest=smallest), Wanted(120, 4), top=4)
    # Languages 0 and 1 are of one family, 2 and 3 of the next, and so on.
    expected = [(0, 2, 4, 6), (0, 2, 4, 7), (0, 2, 4, 8), (0, 2, 4, 9)]
    assert rows(found) == [(items, 1.0 if smallest else 6.0, 1, None) for items in expected]
    assert found.exact
    assert found.gap == 0


def test_what_is_fixed_and_what_quotas_allow_holds_among_uncounted_ties():
    labels = np.arange(120) % 3  # three regions, at most two languages of each
    found = rank(diversity(families(2, 60)), Wanted(120, 5, (1, 100), (Caps(labels, 2),)), top=3)
    # 1 and 100 are both of region 1, so the others are of regions 0 and 2. Language 0 is of 1's family and 3 of 2's;
    # 2 and 5 are of region 2, which is full then; of region 0 there are 6, 9, 12. Ten pairs at distance 1.
    assert [row.items for row in found.rows] == [(1, 2, 5, 6, 100), (1, 2, 5, 9, 100), (1, 2, 5, 12, 100)]
    assert {(row.value, row.rank, row.tied) for row in found.rows} == {(10.0, 1, None)}


def test_a_few_classes_of_many_languages_are_counted_by_binomials():
    # Families of 40, 50 and 60. With k = 4, one family gives two languages:
    # 5 of the 6 pairs are at distance 1.
    vectors = np.repeat(np.eye(3, dtype=np.uint8), [40, 50, 60], axis=0)
    expected = comb(40, 2) * 50 * 60 + 40 * comb(50, 2) * 60 + 40 * 50 * comb(60, 2)
    found = rank(diversity(vectors), Wanted(150, 4), top=2)
    assert rows(found) == [((0, 1, 40, 90), 5.0, 1, expected), ((0, 1, 40, 91), 5.0, 1, expected)]
    # With a language of the first family fixed: it alone, or with one of the 39 others.
    expected = 39 * 50 * 60 + comb(50, 2) * 60 + 50 * comb(60, 2)
    found = rank(diversity(vectors), Wanted(150, 4, (7,)), top=1)
    assert rows(found) == [((0, 7, 40, 90), 5.0, 1, expected)]
    # The least diverse are of one family.
    expected = comb(40, 4) + comb(50, 4) + comb(60, 4)
    found = rank(diversity(vectors), Wanted(150, 4), top=1, least=True)
    assert rows(found) == [((0, 1, 2, 3), 0.0, 1, expected)]


def test_a_rank_skips_the_ties_before_it():
    # Families of 1, 1 and 150 languages: both single ones with any other, 150 ways, worth 3; one of them with two of
    # the large family, 2 × C(150, 2) = 22,350 ways, worth 2.
    vectors = np.repeat(np.eye(3, dtype=np.uint8), [1, 1, 150], axis=0)
    found = rank(diversity(vectors), Wanted(152, 3), top=152)
    assert rows(found)[:2] == [((0, 1, 2), 3.0, 1, 150), ((0, 1, 3), 3.0, 1, 150)]
    assert rows(found)[149:] == [
        ((0, 1, 151), 3.0, 1, 150),
        ((0, 2, 3), 2.0, 151, 2 * comb(150, 2)),
        ((0, 2, 4), 2.0, 151, 2 * comb(150, 2)),
    ]


def test_a_group_too_large_to_count_follows_one_that_is_counted():
    # One pair is opposite (distance 2), all other pairs are at distance 1: of three languages, those that hold both
    # opposites are worth 2 + 1 + 1 = 4, in 58 ways; the C(60, 3) − 58 others are worth 3.
    gap = 1.0 - np.eye(60)
    gap[3, 5] = gap[5, 3] = 2.0
    found = rank_large(PairSum(gap, np.arange(60)), Wanted(60, 3), top=60)
    assert [row.tied for row in found.rows[:58]] == [58] * 58
    assert [(row.items, row.rank, row.tied) for row in found.rows[58:]] == [
        ((0, 1, 2), 59, None),
        ((0, 1, 3), 59, None),
    ]


def test_equal_amounts_are_counted_while_they_are_few_and_listed_in_order_when_not():
    # 15 languages without data and one with: the one and any two, C(15, 2) = 105 ways.
    amount = np.zeros(16)
    amount[9] = 5.0
    found = rank_large(ItemSum(amount), Wanted(16, 3), top=2)
    assert rows(found) == [((0, 1, 9), 5.0, 1, 105), ((0, 2, 9), 5.0, 1, 105)]
    # Of 200 such, C(199, 2) = 19,701 ways are more than are counted.
    amount = np.zeros(200)
    amount[9] = 5.0
    found = rank(ItemSum(amount), Wanted(200, 3), top=2)
    assert rows(found) == [((0, 1, 9), 5.0, 1, None), ((0, 2, 9), 5.0, 1, None)]


@pytest.mark.parametrize("seed", range(10))
def test_the_collector_keeps_what_a_sorted_list_would(seed):
    rng = np.random.default_rng(seed)
    sets = np.array(list(itertools.combinations(range(9), 3)))
    values = rng.integers(0, 20, len(sets)) / 4.0
    order = rng.permutation(len(sets))
    best = BestSets(7)
    for part in np.array_split(order, 11):
        best.add(values[part], sets[part])
    floor = np.sort(values)[::-1][6]
    expected = sorted((-v, tuple(s)) for v, s in zip(values.tolist(), sets.tolist(), strict=True) if v >= floor)
    assert [(-value, items) for value, items, _ in best.sorted()] == expected
    assert best.floor == floor
    assert best.top == values.max()
    assert not best.ties_dropped


def test_the_collector_counts_what_a_set_stands_for():
    best = BestSets(5, copies=lambda items: 3)
    sets = np.array([[0], [1], [2]])
    best.add(np.array([3.0, 2.0, 1.0]), sets)
    # two sets stand for six combinations, enough for five
    assert [(value, count) for value, _, count in best.sorted()] == [(3.0, 3), (2.0, 3)]


def test_a_language_set_is_found_once_however_many_copies_its_class_has(monkeypatch):
    # Three languages of one class and two of another; k = 3: by hand all 10 sets, worth 0 (AAA), 2 (AAB), 2 (ABB).
    objective = PairSum(distances(np.eye(2)), np.array([0, 1, 0, 1, 0]), np.eye(2))
    found = rank_large(objective, Wanted(5, 3), top=20)
    assert Counter(row.value for row in found.rows) == {2.0: 9, 0.0: 1}
    assert [row.items for row in found.rows][-1] == (0, 2, 4)
    assert len({row.items for row in found.rows}) == 10
    assert {row.tied for row in found.rows[:-1]} == {9}


# -- faults that were -------------------------------------------------------------------------------


def test_ties_of_few_dimensions_are_all_counted():
    # Classes a, b, c, d of 28 languages. cos: ab 1/2, ac and bd 1/√2, cd, ad and bc 0.
    vectors = np.repeat(np.array([[1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0]], dtype=np.uint8), 28, axis=0)
    # Two d, one a, one c: ac 1 − 1/√2, twice ad 1, twice cd 1, dd 0: 5 − 1/√2. Two c, one b, one d mirror it.
    found = rank(diversity(vectors), Wanted(112, 4), top=1)
    assert found.rows[0].value == pytest.approx(5 - 1 / np.sqrt(2))
    assert found.rows[0].tied == 2 * comb(28, 2) * 28 * 28


@pytest.mark.parametrize("kind", ["pairs", "sums"])
def test_more_rows_may_be_asked_for_than_ties_are_counted(monkeypatch, kind):
    monkeypatch.setattr(ranking, "TIES_TO_COUNT", 10)
    rng = np.random.default_rng(0)
    objective = diversity(rng.random((12, 6))) if kind == "pairs" else ItemSum(rng.random(12))
    found = rank_large(objective, Wanted(12, 3), top=40)
    expected = enumerate_all(objective, Wanted(12, 3), top=40, least=False)
    assert [row.items for row in found.rows] == [row.items for row in expected.rows]
