"""What choices would have cost, of runs whose scores a reader can work out."""

from itertools import combinations

import numpy as np
import pytest

from mslt_cli.foretelling.observations import Observations, equal_shares
from mslt_cli.foretelling.replay import _order, replay_choices

PAIRS = [*map(list, combinations(range(5), 2))]


def observed(scores, seeds=1):
    """Each of the ten pairs of five languages, once for each seed; the scores of a seed stand beside each other."""
    shares = equal_shares(PAIRS * seeds, 5)
    draws = tuple(seed for seed in range(seeds) for _ in PAIRS)
    return Observations(tuple("abcde"), ("t",), shares, np.asarray(scores, float).reshape(-1, 1), draws)


def additive(worth=(0.40, 0.50, 0.60, 0.70, 0.80)):
    return [(worth[a] + worth[b]) / 2 for a, b in PAIRS]


def test_scores_that_add_up_are_foretold_before_the_best_is_met():
    """The best, d and e, is at 0.75. After half of the runs it is met in every second order, and foretold in most."""
    (half, all_) = replay_choices(observed(additive()), [5, 10], replays=20)
    assert half.by_model.mean() < 2 < half.by_best.mean()
    assert (half.runs, len(half.by_model), len(half.by_best)) == (5, 20, 20)
    assert (all_.by_model, all_.by_best) == (pytest.approx([0]), pytest.approx([0]))  # one order is all


def test_a_choice_does_not_profit_from_the_luck_that_it_was_made_by():
    """All are at 0.50, but one by luck at 0.60 in its only run of the first seed; its other runs are at 0.50."""
    lucky = [0.5] * 30
    lucky[3] = 0.6
    once, everything = replay_choices(observed(lucky, seeds=3), [10, 30], replays=30)
    # The best mean is 0.5333. In orders that meet the lucky run first it is chosen, and scored 0.50 by its others; in
    # others the first of ten that tie is chosen, or one that scores 0.50 all the same.
    assert once.by_best.min() >= 0
    assert once.by_best.max() == pytest.approx(100 * (0.5333333 - 0.5), abs=1e-4)
    assert everything.by_best == pytest.approx([0])


def test_all_combinations_have_a_run_before_any_has_its_second():
    of_runs = np.tile(np.arange(10), 3)
    order = _order(of_runs, np.random.default_rng(1))
    assert sorted(order) == [*range(30)]
    for i in (0, 10, 20):
        assert sorted(of_runs[order[i : i + 10]]) == [*range(10)]
    assert {run // 10 for run in order[:10]} == {0, 1, 2}  # whichever seed


def test_the_same_runs_give_the_same_numbers():
    first, other = (replay_choices(observed(additive()), [4], replays=3)[0] for _ in range(2))
    assert (first.by_model == other.by_model).all()
