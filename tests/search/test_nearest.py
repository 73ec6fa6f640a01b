"""How near the nearest source is to each target, and covers mixed with pair distances."""

import numpy as np
import pytest

from mslt_cli.search.constraints import Wanted
from mslt_cli.search.covers import Coverage, Nearest
from mslt_cli.search.objective import Mixed, PairSum
from mslt_cli.search.problem import problem_of


@pytest.fixture
def near():
    # three sources, two targets
    return Nearest(np.array([[0.75, 0.25], [0.5, 0.5], [-1.0, 1.0]]))


@pytest.fixture
def pairs():
    return PairSum(np.array([[0.0, 0.5, 0.25], [0.5, 0.0, 1.0], [0.25, 1.0, 0.0]]), np.arange(3))


@pytest.fixture
def words():
    # the pool has 1, 2, 3, 4
    return Coverage([np.array([1, 2]), np.array([2, 3, 4]), np.array([4])])


def rows(*sets):
    return np.array(sets, dtype=np.int64)


def test_each_target_has_its_nearest_source(near):
    # {0,1}: 0.75 and 0.5, mean 0.625; {1,2}: 0.5 and 1, mean 0.75; {0,2}: 0.75 and 1, mean 0.875
    assert near.values(rows([0, 1], [1, 2], [0, 2])).tolist() == [0.625, 0.75, 0.875]
    # one alone: its mean, 0.5, 0.5 and 0
    assert near.values(rows([0], [1], [2])).tolist() == [0.5, 0.5, 0.0]


def test_one_more_source_can_only_be_nearer(near):
    assert near.extended(rows([2]))[0].tolist() == [0.875, 0.75, 0.0]
    assert near.extended(np.zeros((2, 0), dtype=np.int64)).tolist() == [[0.5, 0.5, 0.0]] * 2


def test_a_mix_weighs_the_mean_distance_and_the_cover(pairs, near, words):
    # {0,1,2}: mean distance (0.5 + 0.25 + 1)/3 = 7/12, mean similarity (0.75 + 1)/2 = 0.875
    found = Mixed(pairs, near, 0.25).values(rows([0, 1, 2]))
    assert found == pytest.approx([0.75 * 7 / 12 + 0.25 * 0.875])
    # {0,1}: distance 0.5, covers 4 of 4; {0,2}: distance 0.25, covers 3 of 4
    assert Mixed(pairs, words, 0.5).values(rows([0, 1], [0, 2])).tolist() == [0.75, 0.5]
    # one language has no pair: 0.8 × 0 + 0.2 × 3/4
    assert Mixed(pairs, words, 0.2).values(rows([1])) == pytest.approx([0.15])


def test_a_mix_of_one_part_is_that_part(pairs, words):
    sets = rows([0, 1], [0, 2], [1, 2])
    assert Mixed(pairs, words, 0).values(sets).tolist() == pairs.values(sets).tolist()
    assert Mixed(pairs, words, 1).values(sets).tolist() == words.values(sets).tolist()


def test_a_mix_with_one_more_is_worth_what_the_larger_set_is(near):
    # languages 0 and 1 are of one class, at distance 0
    pairs = PairSum(np.array([[0.0, 0.5], [0.5, 0.0]]), np.array([0, 0, 1]))
    mix = Mixed(pairs, near, 0.5)
    problem = problem_of(mix, Wanted(3, 3), least=False)
    # what the searches add up: 2 joins {0, 1}
    worth = problem.values(rows([0, 1]))[0]
    linear, covered = (part(np.array([0, 1]), np.array([2]))[0] for part in (problem.linear, problem.covered))
    assert worth + linear + covered == pytest.approx(mix.values(rows([0, 1, 2]))[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda pairs, near: Nearest(np.zeros((3, 0))), "A similarity is needed for each language and target."),
        (lambda pairs, near: Nearest(np.array([[0.5], [np.nan]])), "A similarity is not a number."),
        (lambda pairs, near: Mixed(pairs, near, 1.5), "The cover's share is 1.5; it has to be in 0..1."),
        (lambda pairs, near: Mixed(pairs, near, np.nan), "The cover's share is nan; it has to be in 0..1."),
        (
            lambda pairs, near: Mixed(PairSum(pairs.distance, np.arange(2)), near, 0.5),
            "There are distances of 2 languages, and covers of 3.",
        ),
        (
            lambda pairs, near: Mixed(PairSum(pairs.distance, np.arange(3), smallest=True), near, 0.5),
            "A smallest distance cannot be mixed with a cover.",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_an_error(pairs, near, make, message):
    with pytest.raises(ValueError, match=message):
        make(pairs, near)
