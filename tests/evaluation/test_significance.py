import numpy as np
import pytest

from mslt_cli.evaluation import metrics
from mslt_cli.evaluation.significance import mcnemar, paired_bootstrap


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


def test_runs_are_drawn_as_well_as_rows():
    # Rows agree within a run; the five seeds differ by much, and the mean difference is as large as their spread.
    a = np.concatenate([right(0.6, 200, 10)] * 5)
    b = np.concatenate([right(share, 200, 20 + i) for i, share in enumerate((0.3, 0.9, 0.4, 0.8, 0.95))])
    many = compare_alone(a, b, resamples=2000)
    one = compare_alone(a[:1], b.mean(axis=0, keepdims=True), resamples=2000)
    assert many.high - many.low > 2 * (one.high - one.low)
    assert many.value == pytest.approx(b[..., 0].mean() - a[..., 0].mean())


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
    monkeypatch.setattr(metrics, "TEMPORARY_BYTES", 16 * 90 * 13)  # 13 resamples at once
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
