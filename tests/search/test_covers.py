"""The search for what covers most or least, against enumeration: what it finds, its bounds, and when it is stopped."""

import itertools
from math import comb, e

import numpy as np
import pytest
from cover_instances import cover_instance, vocabularies
from instances import count_time, distances, unit

from mslt_cli.search import branch_and_bound, ranking
from mslt_cli.search.best import TIE, BestSets
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.covers import Coverage, Nearest, TargetCoverage
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.in_order import SetGrowth, first_in_order
from mslt_cli.search.local_search import offer_good_sets
from mslt_cli.search.objective import Mixed, PairSum
from mslt_cli.search.problem import problem_of
from mslt_cli.search.ranking import enumerate_all, rank


@pytest.fixture
def searched(monkeypatch):
    """Let no pool be enumerated."""
    monkeypatch.setattr(ranking, "ENUMERATE_UP_TO", -1)


def as_tuples(found):
    return [(row.items, round(row.value, 9), row.rank, row.tied) for row in found.rows]


def assert_it_ranks_as_enumeration(seeds):
    for seed in seeds:
        objective, wanted, top, least = cover_instance(seed)
        found = rank(objective, wanted, top=top, least=least, time_limit=60)
        expected = enumerate_all(objective, wanted, top=top, least=least)
        assert as_tuples(found) == as_tuples(expected), seed
        assert found.exact
        assert found.gap == 0


# -- what it finds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_the_search_ranks_as_enumeration_does(searched, start):
    assert_it_ranks_as_enumeration(range(start, start + 100))


def test_it_also_does_with_few_rows_of_a_pair_matrix_at_a_time(searched, monkeypatch):
    monkeypatch.setattr(branch_and_bound, "_CELLS", 20)
    assert_it_ranks_as_enumeration(range(1000, 1120))


def zipf(rng, count, size, vocabulary):
    """Vocabularies that share what is frequent, and have more and less of it."""
    rank_of = 1 / (np.arange(size) + 20.0)
    ids = []
    for _ in range(count):
        weight = rank_of + rng.permutation(rank_of)
        draws = int(vocabulary * np.exp(0.3 * rng.normal()))
        ids.append(np.sort(rng.choice(size, draws, replace=False, p=weight / weight.sum())))
    return ids


@pytest.mark.parametrize("least", [False, True])
def test_a_pool_beyond_enumeration_is_ranked_as_enumeration_would(least):
    rng = np.random.default_rng(0)
    ids = zipf(rng, 48, 2000, 300)
    wanted = Wanted(48, 4)
    assert wanted.total == comb(48, 4) == 194_580
    larger = Wanted(49, 4)
    assert larger.total > ranking.ENUMERATE_UP_TO
    for objective in (Coverage([*ids, ids[0][:50]]), TargetCoverage([*ids, ids[0][:50]], [ids[3][:99], ids[7]])):
        found = rank(objective, larger, top=20, least=least, time_limit=60)
        assert found.proof == "branch-and-bound"
        expected = enumerate_all(objective, larger, top=20, least=least)
        assert as_tuples(found) == as_tuples(expected)


def test_swaps_offer_only_what_is_asked_for():
    for seed in range(120):
        objective, wanted, top, least = cover_instance(seed)
        best = BestSets(top)
        sign = -1.0 if least else 1.0
        offer_good_sets(problem_of(objective, wanted, least=least), best)
        allowed = {tuple(row) for row in all_sets(wanted).tolist()}
        for value, items, _ in best.sorted():
            assert items in allowed, seed
            assert value == pytest.approx(sign * objective.values(np.array([items]))[0])


# -- ties --------------------------------------------------------------------------------------------


def test_where_one_source_is_nearest_to_all_any_others_tie():
    # Source 7 of 80 is nearest to the only target; any 3 of the 79 others complete the set: C(79, 3) ways.
    similarity = np.linspace(0, 0.5, 80)[:, None]
    similarity[7] = 0.9
    found = rank(Nearest(similarity), Wanted(80, 4), top=3)
    assert as_tuples(found) == [
        ((0, 1, 2, 7), 0.9, 1, None),
        ((0, 1, 3, 7), 0.9, 1, None),
        ((0, 1, 4, 7), 0.9, 1, None),
    ]
    assert found.exact
    assert found.gap == 0


def test_ties_are_counted_while_they_are_few():
    # Sources 7 and 20 are nearest to a target each; any 2 of the 78 others complete the set: C(78, 2) = 3,003.
    similarity = np.zeros((80, 2))
    similarity[7, 0] = similarity[20, 1] = 1.0
    found = rank(Nearest(similarity), Wanted(80, 4), top=2)
    assert as_tuples(found) == [((0, 1, 7, 20), 1.0, 1, 3003), ((0, 2, 7, 20), 1.0, 1, 3003)]


@pytest.mark.parametrize("most", [1, 3])
def test_where_ties_are_too_many_the_first_in_order_are_listed(searched, monkeypatch, most):
    monkeypatch.setattr(ranking, "TIES_TO_COUNT", most)
    monkeypatch.setattr(ranking, "TIES_LISTED_IN_S", 60.0)
    uncounted = 0
    for seed in range(120):
        objective, wanted, top, least = cover_instance(seed)
        top = min(top, 3)
        found = as_tuples(rank(objective, wanted, top=top, least=least))
        expected = as_tuples(enumerate_all(objective, wanted, top=top, least=least))
        assert [row[:3] for row in found] == [row[:3] for row in expected], seed
        assert all(tied in (None, true) for (*_, tied), (*_, true) in zip(found, expected, strict=True)), seed
        uncounted += any(tied is None for *_, tied in found)
    assert uncounted  # else nothing was tried


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_any_value_can_be_listed_in_order(sign):
    for seed in range(60):
        objective, wanted, _, _ = cover_instance(seed)
        sets = all_sets(wanted)
        values = objective.values(sets)
        problem = problem_of(objective, wanted, least=sign < 0)
        for value in np.unique(values.round(9))[:4]:
            expected = [tuple(row) for row in sets[abs(values - value) <= 1e-8].tolist()]
            exact = float(sign * values[abs(values - value) <= 1e-8][0])
            for floor in (-np.inf, exact):
                assert first_in_order(SetGrowth(problem, floor), wanted, exact, len(sets) + 1) == expected, seed


# -- bounds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_what_the_search_adds_up_is_the_value(seed):
    objective, wanted, _, least = cover_instance(seed)
    problem = problem_of(objective, wanted, least=least)
    sign = -1.0 if least else 1.0
    sets = all_sets(wanted)
    if not len(sets):
        return
    items = np.random.default_rng(seed).permutation(sets[-1])
    worth = problem.values(items[None, :0])[0]
    for size, item in enumerate(items):
        chosen = items[:size]
        worth += problem.linear(chosen, np.array([item]))[0] + sign * problem.covered(chosen, np.array([item]))[0]
        assert worth == pytest.approx(problem.values(items[None, : size + 1])[0])
    assert worth == pytest.approx(sign * objective.values(items[None])[0])


@pytest.mark.parametrize("sources", [3, 5])
def test_a_source_for_each_target_is_proved_best(sources):
    # 3 targets, each with a source of its own that is nearest by far; all of 400 sources come near none of them else.
    rng = np.random.default_rng(0)
    similarity = 0.5 * rng.random((400, 3))
    similarity[[17, 120, 333], [0, 1, 2]] = [0.9, 0.8, 1.0]
    found = rank(Nearest(similarity), Wanted(400, sources), top=1, time_limit=60)
    assert found.exact
    assert found.gap == 0
    assert set(found.rows[0].items) >= {17, 120, 333}
    assert found.rows[0].value == pytest.approx(0.9)  # (0.9 + 0.8 + 1)/3


@pytest.mark.parametrize("k", [3, 6, 9])
def test_a_stopped_search_for_coverage_is_within_what_greedy_sets_promise(searched, monkeypatch, k):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        ids = [np.flatnonzero(rng.random(400) < 0.12) for _ in range(24)]
        fixed = (3, 17) if seed % 2 else ()
        count_time(monkeypatch)
        found = rank(Coverage(ids), Wanted(24, k, fixed), top=1, time_limit=-1)
        assert found.exact or 0 < found.gap <= 1 / (1 - 1 / e) - 1


def test_a_pool_that_few_languages_cover_whole_needs_no_search(searched, monkeypatch):
    # 0 and 1 have all ids between them, so no set of 5 is better than theirs with any 3 of 38: C(38, 3) = 8,436 ways
    rng = np.random.default_rng(0)
    ids = [np.arange(0, 60), np.arange(60, 100), *(np.flatnonzero(rng.random(100) < 0.5) for _ in range(38))]
    count_time(monkeypatch)
    found = rank(Coverage(ids), Wanted(40, 5), top=1, time_limit=-1)
    assert found.rows[0].value == 1.0
    assert found.gap == 0


# -- stopped -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [1_000_000, 20])
@pytest.mark.parametrize("limit", [0, 2, 6, 15])
def test_a_stopped_ranking_is_exact_or_states_a_true_gap(searched, monkeypatch, limit, cells):
    monkeypatch.setattr(branch_and_bound, "_CELLS", cells)
    exact = stopped = 0
    for seed in range(120):
        objective, wanted, top, least = cover_instance(seed)
        count_time(monkeypatch)
        found = rank(objective, wanted, top=top, least=least, time_limit=limit - 0.5)
        expected = enumerate_all(objective, wanted, top=top, least=least)
        true = {(row.items, row.rank, row.tied) for row in expected.rows}
        if found.exact:
            exact += 1
            assert [(row.items, row.rank) for row in found.rows] == [(row.items, row.rank) for row in expected.rows]
            assert all(a.tied in (None, b.tied) for a, b in zip(found.rows, expected.rows, strict=True)), seed
            assert found.gap == 0
        elif expected.rows:
            stopped += 1
            assert found.proof == "bound"
            first, best = found.rows[0].value, expected.rows[0].value
            assert (first - best if least else best - first) <= found.gap * max(abs(first), 1e-12) + TIE, seed
            assert all(row.tied is None or (row.items, row.rank, row.tied) in true for row in found.rows), seed
    assert exact
    assert stopped or limit > 6


@pytest.mark.parametrize("cells", [1_000_000, 20])
def test_the_bound_of_a_stopped_search_is_never_below_the_optimum(monkeypatch, cells):
    # Nothing good is known at the start, so that the optimum is among what is left out.
    monkeypatch.setattr(branch_and_bound, "_CELLS", cells)
    open_ = 0
    for seed in range(110):
        objective, wanted, _, least = cover_instance(seed)
        sets = all_sets(wanted)
        if wanted.k - len(wanted.fixed) < 3 or not len(sets):
            continue
        sign = -1.0 if least else 1.0
        optimum = float((sign * objective.values(sets)).max())
        problem = problem_of(objective, wanted, least=least)
        for limit in range(16):
            count_time(monkeypatch)
            best = BestSets(1)
            outcome = branch_and_bound.branch_and_bound(problem, best, deadline=limit - 0.5)
            assert max(outcome.bound, best.top) >= optimum - TIE, (seed, limit)
            assert not outcome.proved or best.top == pytest.approx(optimum), (seed, limit)
            open_ += best.top < optimum - TIE
    assert open_


def test_more_time_never_makes_the_answer_worse(searched, monkeypatch):
    ids = zipf(np.random.default_rng(1), 30, 800, 120)
    values, gaps = [], []
    for limit in (0, 20, 60, 150, 400, 100_000):
        count_time(monkeypatch)
        found = rank(Coverage(ids), Wanted(30, 5), top=1, time_limit=limit)
        values.append(found.rows[0].value)
        gaps.append(found.gap)
    assert values == sorted(values)
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 0 == gaps[-1]


# -- quotas ------------------------------------------------------------------------------------------


def test_quotas_that_nothing_keeps_to_leave_no_rows(searched):
    ids = vocabularies(np.random.default_rng(0), 9, 30)
    ids.append(np.arange(30))
    labels = np.arange(10) % 2
    for wanted in (Wanted(10, 3, (), (Caps(labels, 1),)), Wanted(10, 3, (0, 2), (Caps(labels, 1),))):
        found = rank(Coverage(ids), wanted)
        assert found.rows == []
        assert found.exact


def test_a_quota_rules_out_the_largest_and_the_next_takes_its_place(searched):
    # ids 0..3, 4..6, 7..8, 9: 0 and 1 cover 7 of 10, but are of one family; 0 and 2 cover 6, 1 and 2 cover 5
    ids = [np.arange(0, 4), np.arange(4, 7), np.arange(7, 9), np.array([9])]
    family = Caps(np.array([5, 5, 6, 7]), 1)
    found = rank(Coverage(ids), Wanted(4, 2, (), (family,)), top=5)
    assert as_tuples(found) == [
        ((0, 2), 0.6, 1, 1),
        ((0, 3), 0.5, 2, 2),
        ((1, 2), 0.5, 2, 2),
        ((1, 3), 0.4, 4, 1),
        ((2, 3), 0.3, 5, 1),
    ]


# -- an independent oracle ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_most_covering_set_is_that_of_an_integer_program(seed):
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(seed)
    n, k = 40, 4
    ids = zipf(rng, n, 200, 30)
    every = np.unique(np.concatenate(ids))
    # x: languages, y: ids that count; y_e ≤ Σ x over those that have e, Σ x = k, most Σ y
    member = np.array([np.isin(every, own) for own in ids], dtype=np.float64).T
    rows_of = [
        optimize.LinearConstraint(np.hstack([member, -np.eye(len(every))]), lb=0),
        optimize.LinearConstraint(np.append(np.ones(n), np.zeros(len(every)))[None], lb=k, ub=k),
    ]
    cost = np.append(np.zeros(n), -np.ones(len(every)))
    whole = np.append(np.ones(n), np.zeros(len(every)))
    solved = optimize.milp(cost, constraints=rows_of, integrality=whole, bounds=optimize.Bounds(0, 1))
    found = rank(Coverage(ids), Wanted(n, k), top=1, time_limit=60)
    assert found.exact
    assert found.rows[0].value == pytest.approx(-solved.fun / len(every))


# -- equal languages, and pairs of vectors -------------------------------------------------------------


def test_languages_with_the_same_ids_are_each_a_choice(searched):
    # three languages of one vocabulary, two of another; k = 2: one of each covers all 4 ids, in 3 × 2 ways
    ids = [np.array([1, 2])] * 3 + [np.array([3, 4])] * 2
    found = rank(Coverage(ids), Wanted(5, 2), top=10)
    assert [(row.items, row.tied) for row in found.rows[:6]] == [
        (items, 6) for items in itertools.product(range(3), range(3, 5))
    ]
    assert [(row.value, row.rank, row.tied) for row in found.rows[6:]] == [(0.5, 7, 4)] * 4


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_vectors_and_covers_mix(searched, share):
    rng = np.random.default_rng(5)
    vectors = unit(rng.random((14, 6)))
    pairs = PairSum(distances(vectors), np.concatenate([np.arange(14), [3, 3]]), vectors)  # three of one class
    objective = Mixed(pairs, Nearest(rng.random((16, 3))), share)
    for least in (False, True):
        found = rank(objective, Wanted(16, 4), top=12, least=least)
        assert as_tuples(found) == as_tuples(enumerate_all(objective, Wanted(16, 4), top=12, least=least))
