"""Student's and Fisher's distributions, against scipy; Holm's correction, by hand."""

import pytest

from mslt_cli.inference.distributions import fisher_p, holm, incomplete_beta, student_p, student_quantile

scipy_stats = pytest.importorskip("scipy.stats")


def test_holm_by_hand():
    # Sorted 0.01, 0.03, 0.04, times 3, 2, 1: 0.03, 0.06, 0.04, and never less than the one before.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_students_and_fishers_distributions_are_scipys():
    from scipy.special import betainc

    for a, b, x in ((2, 0.5, 0.3), (4.3, 0.5, 0.9), (0.5, 0.5, 0.5), (10, 2, 0.7), (200, 0.5, 0.99), (1, 1, 0.25)):
        assert incomplete_beta(a, b, x) == pytest.approx(betainc(a, b, x), rel=1e-10)
    for t, freedom in ((2.1, 7.3), (0.3, 1), (-4, 2.2), (12, 150), (0, 5)):
        assert student_p(t, freedom) == pytest.approx(2 * scipy_stats.t.sf(abs(t), freedom), rel=1e-9)
    for ratio, above, below in ((2.1, 34, 209.0), (0.4, 3, 7.5), (0, 5, 5), (30, 1, 12)):
        assert fisher_p(ratio, above, below) == pytest.approx(scipy_stats.f.sf(ratio, above, below), rel=1e-9)
    for share, freedom in ((0.975, 2.2), (0.975, 8), (0.995, 1), (0.9, 40.5)):
        assert student_quantile(share, freedom) == pytest.approx(scipy_stats.t.ppf(share, freedom), rel=1e-9)
