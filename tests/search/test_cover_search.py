"""The search for what covers most or least, against enumeration: what it finds, its bounds, and when it is stopped."""

import itertools
from math import comb, e

import numpy as np
import pytest
from cover_instances import count_time, cover, cover_instance, vocabularies
from instances import distances, unit

from mslt_cli.search import cover_search, elements, ranking
from mslt_cli.search.best import TIE, BestSets
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.cover_search import CoverGrowth, problem_of
from mslt_cli.search.cover_start import offer_good_sets
from mslt_cli.search.covers import Coverage, Nearest, TargetCoverage
from mslt_cli.search.elements import elements_of
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.in_order import first_in_order
from mslt_cli.search.objective import Mixed, PairSum
from mslt_cli.search.ranking import enumerate_all, rank


@pytest.fixture
def searched(monkeypatch):
    """Let no pool be enumerated."""
    monkeypatch.setattr(ranking, "ENUMERATE_UP_TO", -1)


def as_tuples(found):
    return [(row.items, round(row.value, 9), row.rank, row.tied) for row in found.rows]


def compare(seeds):
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
    compare(range(start, start + 100))


@pytest.mark.parametrize("dense", [0, 4])
def test_it_also_does_from_gains_alone_where_items_are_many(searched, monkeypatch, dense):
    monkeypatch.setattr(cover_search, "_DENSE", dense)
    compare(range(1000, 1120))


def test_it_also_does_without_looking_ahead_and_with_words_in_small_lots(searched, monkeypatch):
    monkeypatch.setattr(cover_search, "_AHEAD", 0)
    monkeypatch.setattr(elements, "_WORDS", 3)
    compare(range(2000, 2100))


def test_it_also_does_with_few_of_many_bounds(searched, monkeypatch):
    monkeypatch.setattr(cover_search, "_FORMS", 2)
    compare(range(3000, 3060))


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
        offer_good_sets(objective, wanted, best, sign=sign)
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
        problem = problem_of(objective, wanted, sign)
        for value in np.unique(values.round(9))[:4]:
            expected = [tuple(row) for row in sets[abs(values - value) <= 1e-8].tolist()]
            exact = float(sign * values[abs(values - value) <= 1e-8][0])
            for floor in (-np.inf, exact):
                assert first_in_order(CoverGrowth(problem, floor), wanted, exact, len(sets) + 1) == expected, seed


# -- bounds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["coverage", "targets", "nearest"])
@pytest.mark.parametrize("seed", range(3))
def test_elements_know_what_languages_would_add_and_what_they_share(kind, seed):
    rng = np.random.default_rng(seed)
    n, k = 6, 4
    objective = cover(rng, n, ["coverage", "targets", "nearest"].index(kind))
    parts = elements_of(objective, k, 2.0)  # twice the value

    def worth(items):
        """Twice the value of the set; before it has k members, what any set of k covers is covered already."""
        items = list(items)
        if not items:
            return parts.base
        if kind == "nearest":
            return 2 * float(objective.values(np.array([items]))[0])
        have = [np.mean([flags[i] for i in range(n)], axis=0) * n for flags in objective.bits.flags()]
        total = 0.0
        sizes = [objective.total] if kind == "coverage" else objective.sizes.tolist()
        for flags, count, size in zip(objective.bits.flags(), have, sizes, strict=True):
            covered = (flags[items].max(axis=0) > 0) | (count.round() > n - k)
            total += 2 * covered.sum() / size / len(sizes)
        return total

    every = np.arange(n)
    for chosen in [(), (2,), (4, 1), (0, 3, 5)]:
        state, left = parts.start(), parts.gains()
        for item in chosen:
            left = left - parts.both(state, item, every)
            state = parts.add(state, item)
        gains = [worth({*chosen, i}) - worth(chosen) for i in range(n)]
        np.testing.assert_allclose(left, gains, atol=1e-12)
        both = np.array([[worth({*chosen, a}) + worth({*chosen, b}) for a in range(n)] for b in range(n)])
        both -= np.array([[worth({*chosen, a, b}) + worth(chosen) for a in range(n)] for b in range(n)])
        own = ~np.eye(n, dtype=bool)
        np.testing.assert_allclose(parts.overlaps(state, every)[own], both[own], atol=1e-12)
        some = np.array([4, 0, 3])
        np.testing.assert_allclose(parts.both(state, 1, some), both[1, some], atol=1e-12)
        joined = parts.overlaps(parts.add(state, 1), some)
        before = parts.overlaps(state, some)
        apart = ~np.eye(3, dtype=bool)
        after = parts.overlaps_after(state, 1, some, before)
        np.testing.assert_allclose(after[apart], joined[apart], atol=1e-12)
        for _ in range(2):  # known at the second time of asking
            lost = parts.lost(parts.start(), 1, some)
        assert kind == "nearest" or (before - joined <= lost + 1e-12)[apart].all()


def best_with(objective, wanted, sign):
    """Value of the best set that holds each item, times `sign`; −inf where there is none."""
    sets = all_sets(wanted)
    values = sign * objective.values(sets)
    holds = (sets[:, :, None] == np.arange(wanted.n)).any(axis=1)  # (b, n)
    return np.where(holds, values[:, None], -np.inf).max(axis=0, initial=-np.inf)


@pytest.mark.parametrize("dense", [700, 0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_bound_is_below_what_it_bounds_and_pairs_are_bounded_exactly(monkeypatch, sign, dense):
    monkeypatch.setattr(cover_search, "_DENSE", dense)
    close = 0
    for seed in range(160):
        objective, wanted, _, _ = cover_instance(seed)
        missing = wanted.k - len(wanted.fixed)
        if missing < 2 or not len(all_sets(wanted)):
            continue
        tree = cover_search._Tree(problem_of(objective, wanted, sign), BestSets(1), None)
        node = tree._with_overlaps(tree._root())
        limits, tables = tree._limits(node, missing)
        true = best_with(objective, wanted, sign)[node.items]
        assert (limits >= true - TIE).all(), seed
        assert tree._ceiling(node, missing) >= true.max() - TIE, seed
        if missing == 2 and tables:
            np.testing.assert_allclose(limits, true, atol=1e-9)
        close += int((limits < true + 1e-6).sum())
    assert close > 20  # bounds are worth something


def test_a_union_of_disjoint_or_of_equal_vocabularies_is_bounded_exactly():
    # the union of m disjoint sets is their sum, that of m equal ones is any of them: both bounds know that
    for m in (2, 3, 5, 8):
        apart = Coverage([np.array([i]) for i in range(m + 1)])
        alike = Coverage([np.arange(3)] * (m + 1) + [np.array([9])] * (m + 1))
        for sign in (1.0, -1.0):
            for objective, value in ((apart, m / (m + 1)), (alike, None)):
                wanted = Wanted(objective.n, m)
                tree = cover_search._Tree(problem_of(objective, wanted, sign), BestSets(1), None)
                limits, _ = tree._limits(tree._with_overlaps(tree._root()), m)
                if value is not None:
                    assert limits == pytest.approx(sign * value)
                elif sign < 0:  # m alike of the smaller kind: 1 id of 4
                    assert limits.max() == pytest.approx(-1 / 4)


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


@pytest.mark.parametrize("dense", [700, 3])
@pytest.mark.parametrize("limit", [0, 2, 6, 15])
def test_a_stopped_ranking_is_exact_or_states_a_true_gap(searched, monkeypatch, limit, dense):
    monkeypatch.setattr(cover_search, "_DENSE", dense)
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


@pytest.mark.parametrize("dense", [700, 3])
@pytest.mark.parametrize("ahead", [200, 0])
def test_the_bound_of_a_stopped_search_is_never_below_the_optimum(monkeypatch, ahead, dense):
    # Nothing good is known at the start, so that the optimum is among what is left out.
    monkeypatch.setattr(cover_search, "_AHEAD", ahead)
    monkeypatch.setattr(cover_search, "_DENSE", dense)
    open_ = 0
    for seed in range(110):
        objective, wanted, _, least = cover_instance(seed)
        sets = all_sets(wanted)
        if wanted.k - len(wanted.fixed) < 3 or not len(sets):
            continue
        sign = -1.0 if least else 1.0
        optimum = float((sign * objective.values(sets)).max())
        problem = problem_of(objective, wanted, sign)
        for limit in range(16):
            count_time(monkeypatch)
            best = BestSets(1)
            outcome = cover_search.cover_search(problem, best, deadline=limit - 0.5)
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
