import numpy as np
import pytest

from mslt_cli.evaluation import significance
from mslt_cli.evaluation.significance import compare_seeds, mcnemar, paired_bootstrap


def right(shares, rows, seed):
    """A table (1, rows, 2) of rows that are right with some probability."""
    rng = np.random.default_rng(seed)
    return np.stack([(rng.random(rows) < shares).astype(np.int64), np.ones(rows, np.int64)], axis=1)[None]


def compare_alone(a, b, resamples):
    """The difference on one target."""
    return paired_bootstrap({"": a}, {"": b}, resamples=resamples)


def test_mcnemar_by_hand():
    # One against nine: 2 · (C(10,0) + C(10,1)) / 2^10 = 22 / 1024.
    assert mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert mcnemar(9, 1) == mcnemar(1, 9)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0


def test_mcnemar_is_the_binomial_test():
    stats = pytest.importorskip("scipy.stats")
    for a, b in [(0, 3), (2, 7), (40, 61), (300, 380), (2000, 2100)]:
        assert mcnemar(a, b) == pytest.approx(stats.binomtest(a, a + b).pvalue, rel=1e-9)


def test_a_system_does_not_differ_from_itself():
    a = right(0.7, 100, 0)
    found = compare_alone(a, a, resamples=500)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_a_better_system_is_told_from_a_worse_one_and_the_sign_is_the_second_s():
    a, b = right(0.5, 300, 1), right(0.8, 300, 2)
    found = compare_alone(a, b, resamples=2000)
    assert found.value == pytest.approx(b[0, :, 0].mean() - a[0, :, 0].mean())
    assert 0 < found.low < found.value < found.high
    assert found.p < 0.01
    assert compare_alone(b, a, resamples=2000).value == -found.value


def test_rows_are_paired():
    # The second is right wherever the first is, and on ten rows more: paired that is sure, unpaired it would not be.
    a = right(0.5, 400, 3)
    b = a.copy()
    b[0, np.flatnonzero(a[0, :, 0] == 0)[:10], 0] = 1
    found = compare_alone(a, b, resamples=2000)
    assert found.low > 0
    assert found.p < 0.01


def test_runs_are_averaged_and_not_drawn():
    # Five runs of each that differ by much: only rows are drawn, so one run of their mean has as wide an interval.
    a = right(0.6, 200, 10)
    b = np.concatenate([right(share, 200, 20 + i) for i, share in enumerate((0.3, 0.9, 0.4, 0.8, 0.95))])
    many, one = compare_alone(a, b, resamples=2000), compare_alone(a, b.sum(axis=0, keepdims=True), resamples=2000)
    assert (many.value, many.low, many.high) == pytest.approx((one.value, one.low, one.high))


def test_the_macro_difference_weighs_targets_alike():
    a = {"x": right(0.5, 50, 1), "y": right(0.5, 500, 2)}
    b = {"x": right(0.9, 50, 3), "y": right(0.5, 500, 4)}
    found = paired_bootstrap(a, b, resamples=1000)
    by_hand = np.mean([b[t][0, :, 0].mean() - a[t][0, :, 0].mean() for t in ("x", "y")])
    assert found.value == pytest.approx(by_hand)


def test_resampling_in_pieces_changes_nothing(monkeypatch):
    tables = {t: (right(0.6, n, n), right(0.7, n, n + 1)) for t, n in (("x", 40), ("y", 90))}
    a, b = ({t: pair[i] for t, pair in tables.items()} for i in (0, 1))
    whole = paired_bootstrap(a, b, resamples=700)
    monkeypatch.setattr(significance, "TEMPORARY_BYTES", 16 * 90 * 13)  # 13 resamples at once
    assert paired_bootstrap(a, b, resamples=700) == whole


def test_the_bootstrap_is_that_of_a_slow_loop():
    a, b = right(0.4, 60, 5), right(0.6, 60, 6)
    found = compare_alone(a, b, resamples=4000)
    rng = np.random.default_rng(9)
    slow = []
    for _ in range(4000):
        rows = rng.integers(0, 60, 60)
        slow.append(b[0, rows, 0].mean() - a[0, rows, 0].mean())
    assert (found.low, found.high) == pytest.approx(np.quantile(slow, (0.025, 0.975)), abs=0.03)


# -- seeds -----------------------------------------------------------------------------------------


def seeds(rng, runs, spread, points=0.0, items=60, targets=2):
    """A combination and another that is better by some points; accuracies of its runs spread by so many (sd)."""
    item = rng.normal(0, 0.9, items)
    systems = []
    for better in (0.0, points):
        own = item + rng.normal(0, 0.25, (targets, items))
        luck = 0.026 * (better + rng.normal(0, spread, (runs, 1, 1)))  # a point is 0.026 where σ = 1, in the middle
        systems.append((own + luck + rng.normal(0, 0.3, (runs, targets, items)) > 0).astype(np.int64))
    return [{t: np.stack([s[:, t], np.ones_like(s[:, t])], axis=-1) for t in range(targets)} for s in systems]


@pytest.mark.parametrize("spread", [1.7, 4.0, 8.0])
@pytest.mark.parametrize("runs", [2, 3, 5])
def test_equal_combinations_differ_in_seven_percent_at_most(runs, spread):
    rng, ids = np.random.default_rng(runs), dict.fromkeys(range(2), range(60))
    found = [compare_seeds(*seeds(rng, runs, spread), items=ids).p < 0.05 for _ in range(300)]
    assert np.mean(found) <= 0.07


def test_unequal_combinations_are_told_apart_and_more_often_with_more_seeds():
    rng = np.random.default_rng(0)
    power = [np.mean([compare_seeds(*seeds(rng, n, 2.75, 12.0)).p < 0.05 for _ in range(150)]) for n in (2, 5)]
    assert 0.3 < power[0] < power[1]


def test_seeds_by_hand():
    # Two runs each, four rows: 1/4 and 3/4 against 2/4 and 4/4. The seeds' part: var(0.25, 0.75) / 2 for each side
    # = 0.0625, so 0.125 on two degrees of freedom. The rows: the second less the first, averaged over runs, less its
    # mean, on three. The inverse of all degrees of freedom is the mean of 1/2 and 1/3, weighted by the parts.
    a = np.array([[1, 0, 0, 0], [1, 1, 1, 0]])
    b = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    tables = [{"": np.stack([s, np.ones_like(s)], axis=-1)} for s in (a, b)]
    found = compare_seeds(*tables)
    moved = (b - a).mean(axis=0) - 0.25
    rows = float(moved @ moved) / 16 * 4 / 3
    variance = 2 * 0.0625 + rows
    assert found.value == pytest.approx(0.25)
    assert found.freedom == pytest.approx(variance / (0.125 / 2 + rows / 3))
    assert (found.low + found.high) / 2 == pytest.approx(0.25)


def test_the_rows_part_is_the_bootstrap_s_also_of_f1():
    # Without luck of seeds only rows are left: a system of one run each.
    rng = np.random.default_rng(3)
    hits = rng.binomial(2, 0.5, (2, 1, 300))
    a, b = ({"": np.stack([h, np.full_like(h, 2), np.full_like(h, 2) + (h > 1)], axis=-1)} for h in hits)
    found, drawn = compare_seeds(a, b), paired_bootstrap(a, b, resamples=4000)
    assert (found.low, found.high) == pytest.approx((drawn.low, drawn.high), abs=0.01)


def test_the_same_answers_everywhere_give_no_sure_difference():
    same = {"": right(0.5, 40, 1)}
    found = compare_seeds(same, same)
    assert found.p == 1
    assert found.low < 0 < found.high
