"""Which runs teach most: known balanced designs come out by themselves."""

import time
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from mslt_cli.errors import UsageError
from mslt_cli.foretelling.design import DesignedRun, ScorePrior, design_runs, remaining_sds
from mslt_cli.foretelling.observations import equal_shares


def pairs_in(runs):
    """How often each pair of languages meets in combinations that are trained for the first time."""
    return Counter(pair for run in runs if run.draw == 0 for pair in combinations(run.combination, 2))


@pytest.mark.parametrize(
    ("languages", "k", "n", "blocks"),
    [(7, 3, 7, 7), (9, 3, 14, 12), (13, 4, 13, 13)],  # the Fano plane, the affine plane of order 3, the projective one
)
def test_each_pair_meets_once_where_that_can_be(languages, k, n, blocks):
    runs = design_runs(languages, (k,), n)
    assert len(runs) == n and len({run.combination for run in runs}) == blocks
    assert set(pairs_in(runs).values()) == {1} and len(pairs_in(runs)) == languages * (languages - 1) / 2


def test_no_other_seven_triples_leave_less_unknown_than_the_balanced_ones():
    best = remaining_sds([run.combination for run in design_runs(7, (3,), 7)], 7, 3)
    triples, rng = list(combinations(range(7), 3)), np.random.default_rng(0)
    others = [[triples[i] for i in rng.choice(35, 7, replace=False)] for _ in range(200)]
    assert all(remaining_sds(other, 7, 3)[-1] >= best[-1] - 1e-9 for other in others)
    assert (np.diff(best) < 0).all()  # each run teaches something


def test_what_is_left_unknown_is_the_posterior_of_a_gaussian():
    # Worked the long way: condition the joint covariance of 3 combinations of 2 out of 3 and one run on the run.
    prior, shares = ScorePrior(), equal_shares([(0, 1), (0, 2), (1, 2)], 3)
    joint = prior.covariance(shares, shares)
    across = joint[:, 0]
    left = np.diag(joint) - across**2 / (joint[0, 0] + prior.run**2)
    assert remaining_sds([(0, 1)], 3, 2) == pytest.approx([100 * np.sqrt(left.mean())])


@pytest.mark.parametrize(("n", "repeats"), [(5, 1), (7, 0), (8, 1), (9, 2), (10, 2), (20, 4), (40, 8)])
def test_one_run_in_five_repeats_a_combination_unless_languages_need_it(n, repeats):
    runs = design_runs(7, (3,), n)
    assert len(set(runs)) == n
    assert sum(run.draw > 0 for run in runs) == max(repeats, n - 35)


def test_given_seeds_each_combination_has_them_all():
    runs = design_runs(7, (3,), 14, seeds=2)
    assert Counter(run.draw for run in runs) == {0: 7, 1: 7}
    assert len({run.combination for run in runs}) == 7
    assert len(design_runs(7, (3,), 5, seeds=2)) == 5


def test_runs_that_are_done_count_and_a_design_goes_on_as_it_began():
    whole = design_runs(7, (3,), 10)
    assert set(design_runs(7, (3,), 10, done=whole[3:6])) == set(whole)
    assert design_runs(7, (3,), 10, done=whole[3:6])[:3] == whole[3:6]
    foreign = [DesignedRun((0, 1, 2), 0), DesignedRun((0, 1, 3), 0), DesignedRun((0, 1, 4), 3)]
    runs = design_runs(7, (3,), 10, done=foreign)
    assert runs[:3] == foreign and len(set(runs)) == 10
    assert not {run.combination for run in foreign} & {run.combination for run in runs[3:] if run.draw == 0}
    assert design_runs(7, (3,), 2, done=foreign) == foreign


def test_runs_of_other_sizes_teach_and_are_no_part_of_the_number():
    singles = [DesignedRun((i,), 0) for i in range(4)]
    runs = design_runs(7, (3,), 3, done=singles)
    assert len(runs) == 3 and all(len(run.combination) == 3 for run in runs)
    # What no single run told of is in each of them.
    assert all({4, 5, 6} & set(run.combination) for run in runs)


def test_a_relative_of_a_language_is_not_asked_again():
    kinship = np.eye(6)
    kinship[0, 1] = kinship[1, 0] = 0.98  # they are nearly one language
    runs = design_runs(6, (1,), 5, prior=ScorePrior(kinship=kinship), done=[DesignedRun((0,), 0)])
    assert DesignedRun((1,), 0) not in runs


def test_a_large_pool_takes_seconds_and_all_its_languages_occur_about_as_often():
    clock = time.perf_counter()
    runs = design_runs(100, (4,), 30)
    assert time.perf_counter() - clock < 20  # about 2 on an idle core
    counts = Counter(language for run in runs if run.draw == 0 for language in run.combination)
    assert len(counts) > 90 and max(counts.values()) <= 2


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="-k is 4; the pool has 3 languages."):
        design_runs(3, (4,), 2)
