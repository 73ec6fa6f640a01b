"""Vocabulary coverage: of the pool, and of targets."""

import itertools

import numpy as np
import pytest
from cover_instances import vocabularies

from mslt_cli.search.covers import Coverage, TargetCoverage


@pytest.fixture
def ids():
    return [np.array([1, 2, 3]), np.array([3, 4]), np.array([9]), np.array([], dtype=np.int64)]


def rows(*sets):
    return np.array(sets, dtype=np.int64)


def test_coverage_counts_each_id_of_a_set_once(ids):
    pool = Coverage(ids)
    # the pool has 1, 2, 3, 4, 9: five ids; {0,1} has 1, 2, 3, 4, {1,2} has 3, 4, 9, {0,3} has 1, 2, 3
    assert pool.sizes.tolist() == [5]
    assert pool.n == 4
    assert pool.count(rows([0, 1], [1, 2], [0, 3])).tolist() == [4, 3, 3]
    assert pool.values(rows([0, 1], [1, 2], [0, 3])).tolist() == [4 / 5, 3 / 5, 3 / 5]
    assert pool.values(rows([0, 1, 2])).tolist() == [1.0]
    assert pool.values(rows([3])).tolist() == [0.0]


def test_the_share_of_a_target_is_what_the_set_has_of_its_ids(ids):
    target = TargetCoverage(ids, [np.array([2, 4, 5, 100])])
    # of 2, 4, 5, 100, language 0 has 2 and language 1 has 4; nobody has 5 or 100
    assert target.values(rows([0, 1], [1, 2], [2, 3])).tolist() == [2 / 4, 1 / 4, 0.0]


def test_coverage_of_targets_is_the_mean_of_their_shares(ids):
    cover = TargetCoverage(ids, [np.array([1, 3]), np.array([4, 9, 50, 51])])
    # {0}: 2 of 2 and 0 of 4; {1}: 1 of 2 and 1 of 4; {1,2}: 1 of 2 and 2 of 4; {0,1}: 2 of 2 and 1 of 4
    assert cover.shares(rows([0], [1])).tolist() == [[1.0, 0.0], [0.5, 0.25]]
    assert cover.values(rows([0], [1])).tolist() == [0.5, 0.375]
    assert cover.values(rows([1, 2], [0, 1])).tolist() == [0.5, 0.625]


def test_ids_may_repeat_and_come_in_any_order():
    cover = Coverage([np.array([5, 1, 5], dtype=np.int32), np.array([1])])
    assert cover.sizes.tolist() == [2]
    assert cover.count(rows([0], [1])).tolist() == [2, 1]


@pytest.mark.parametrize("size", [1, 63, 64, 65, 127, 128, 129, 300])
def test_all_ids_count_whatever_words_they_fill(size):
    rng = np.random.default_rng(size)
    ids = [np.arange(size), *vocabularies(rng, 6, size)]
    targets = [np.arange(size), np.arange(size // 2 + 1), np.array([size - 1])]
    pool, cover = Coverage(ids), TargetCoverage(ids, targets)
    assert pool.sizes.tolist() == [size]
    for k in (1, 2, 3, 7):
        sets = list(itertools.combinations(range(7), k))
        united = [set().union(*(ids[i].tolist() for i in items)) for items in sets]
        assert pool.count(rows(*sets)).tolist() == [len(one) for one in united]
        shares = [[len(one & set(t.tolist())) / len(t) for t in targets] for one in united]
        np.testing.assert_allclose(cover.shares(rows(*sets)), shares, rtol=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_values_belong_to_their_sets_in_whatever_order_these_come(seed):
    rng = np.random.default_rng(seed)
    ids = vocabularies(rng, 9, 200)
    pool = Coverage([*ids, np.arange(200)])
    sets = rng.permuted(np.array(list(itertools.combinations(range(9), 4))), axis=1)  # members in any order too
    sets = rng.permutation(sets)
    expected = [len(set().union(*(ids[i].tolist() for i in items))) for items in sets.tolist()]
    assert pool.count(sets).tolist() == expected


def test_a_set_may_be_asked_for_twice():
    pool = Coverage([np.arange(1), np.arange(2), np.arange(4), np.arange(8), np.arange(16), np.arange(32)])
    # each language has what those before it have, so the last one counts
    sets = [[0, 3], [0, 5], [0, 3], [1, 4], [1, 2], [1, 4]]
    assert pool.count(rows(*sets)).tolist() == [8, 32, 8, 16, 4, 16]
    assert pool.count(rows([0, 3], [0, 3], [0, 5])).tolist() == [8, 8, 32]


def test_a_set_with_one_more_is_worth_what_the_larger_set_is(ids):
    for cover in (Coverage(ids), TargetCoverage(ids, [np.array([1, 4, 9]), np.array([3])])):
        sets = rows([0, 1], [1, 3])
        found = cover.extended(sets)
        for row, items in enumerate(sets.tolist()):
            for other in {0, 1, 2, 3} - set(items):
                assert found[row, other] == cover.values(rows([*items, other]))[0]
        # nothing and one more is that one
        assert (
            cover.extended(np.zeros((1, 0), dtype=np.int64))[0].tolist()
            == cover.values(rows([0], [1], [2], [3])).tolist()
        )


def test_there_are_values_for_no_sets_at_all(ids):
    assert Coverage(ids).values(np.zeros((0, 2), dtype=np.int64)).tolist() == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Coverage([np.array([], dtype=np.int64)] * 3), "No language of the pool has a token id."),
        (lambda: Coverage([np.array([3, -1])]), "A token id is negative."),
        (lambda: TargetCoverage([np.array([1, -7])], [np.array([1])]), "A token id is negative."),
        (lambda: TargetCoverage([np.array([1])], []), "There is no target to cover."),
        (lambda: TargetCoverage([np.array([1])], [np.array([1]), np.array([])]), "Target 1 has no token id."),
        (lambda: TargetCoverage([np.array([1])], [np.array([])]), "Target 0 has no token id."),
    ],
)
def test_what_cannot_be_covered_is_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_language_that_is_the_target_itself_does_not_count_for_it():
    # Language 0 has all of target 0; without it there 1 has one of its two ids, and both have all of target 1.
    ids = [np.array([1, 2, 7]), np.array([2, 7])]
    ignored = np.array([[True, False], [False, False]])
    cover = TargetCoverage(ids, [np.array([1, 2]), np.array([7])], ignored)
    assert cover.shares(np.array([[0], [1]])).tolist() == [[0.0, 1.0], [0.5, 1.0]]
