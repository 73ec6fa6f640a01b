"""Retrieval, language identification and centroids: by hand, against slow twins, and at their limits."""

import numpy as np
import pytest

from mslt_cli.errors import DataError
from mslt_cli.probing import neutrality
from mslt_cli.probing.neutrality import centroid_distance, language_identification, retrieval
from mslt_cli.probing.pairs import ProbeOptions

pytest.importorskip("sklearn")


def data(n=80, d=16, shift=0.0, noise=0.7, seed=0):
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(n, d))
    return [meaning + noise * rng.normal(size=(n, d)) + shift * rng.normal(size=d) for _ in range(3)]


def slow_retrieval(x, y, k=0):
    def cosine(a, b):
        return float(a @ b / np.sqrt(a @ a * (b @ b)))

    def near(a, others):
        return np.mean(sorted((cosine(a, o) for o in others), reverse=True)[:k])

    right = 0
    for one, other in ((x, y), (y, x)):
        for i, a in enumerate(one):
            scores = [2 * cosine(a, b) - near(a, other) - near(b, one) if k else cosine(a, b) for b in other]
            right += int(np.argmax(scores)) == i
    return right / (2 * len(x))


@pytest.mark.parametrize("csls", [False, True])
@pytest.mark.parametrize("block", [7, 2_000])
def test_retrieval_is_that_of_the_slow_twin(monkeypatch, csls, block):
    monkeypatch.setattr(neutrality, "BLOCK_ROWS", block)
    given = data(n=40, shift=1.0)
    measured = retrieval(given, "abc", ProbeOptions(csls=csls))
    mean = measured.pop(())
    assert list(measured) == [(0, 1), (0, 2), (1, 2)]
    for (a, b), pair in measured.items():
        assert pair.value == pytest.approx(slow_retrieval(given[a], given[b], 10 if csls else 0))
    assert 0.2 < mean.value < 1
    low, high = mean.interval
    assert low < mean.value < high


def test_csls_finds_what_a_hub_hides():
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=30), rng.normal(size=(40, 30))
    x, y = common + 0.5 * own, common + 0.5 * own + 0.5 * rng.normal(size=(40, 30))
    y[0] = common  # near to everything
    plain, corrected = (
        retrieval([x, y], "ab", ProbeOptions(csls=csls, resamples=0))[0, 1].value for csls in (False, True)
    )
    assert plain < corrected - 0.1


def test_centroids_by_hand():
    # Means (0, 0) and (3, 4): 5 apart, in each sentence. Each is 1 from its mean, so the spread² is 4 · 1 / (4 − 1).
    around = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    once = centroid_distance([around, around + np.array([3, 4])], "ab", ProbeOptions(resamples=0))
    assert once[0, 1].value == pytest.approx(5 / np.sqrt(4 / 3))
    twice = centroid_distance([2 * around, 2 * around + np.array([3, 4])], "ab", ProbeOptions(resamples=0))
    assert twice[0, 1].value == pytest.approx(2.5 / np.sqrt(4 / 3))
    # Differences (1, 0), (-1, 0), (0, 1), (0, -1): their mean is 0, tr Cov = 4 / 3, and 4 / 3 / 4 is subtracted from 0.
    same = centroid_distance([2 * around, around], "ab", ProbeOptions(resamples=0))
    assert same[0, 1].value == pytest.approx(-np.sqrt((1 / 3) / ((4 + 1) / 2 * 4 / 3)))


def test_centroids_of_resamples_are_those_of_repeated_rows():
    x, y, _ = data(n=20, shift=1)
    measured = centroid_distance([x, y], "ab", ProbeOptions(resamples=5, seed=2))[0, 1]
    weights = np.random.default_rng(2).multinomial(20, np.full(20, 1 / 20), size=5)
    slow = []
    for w in weights:
        rows = np.repeat(np.arange(20), w)
        a, b = x[rows], y[rows]
        spread = (a.var(axis=0, ddof=1).sum() + b.var(axis=0, ddof=1).sum()) / 2
        products = ((a - b) @ (a - b).T)[rows[:, None] != rows[None, :]]  # copies of one sentence are left out
        slow.append(products.sum() / (20 * 19) / spread)
    squares = np.array(slow) + measured.value**2 - np.median(slow)
    np.testing.assert_allclose(measured.draws, np.sign(squares) * np.sqrt(np.abs(squares)))


@pytest.mark.parametrize("true", [0.0, 0.15, 0.6])
@pytest.mark.parametrize(("n", "samples"), [(30, 200), (121, 150), (500, 60)])
def test_intervals_of_centroids_hold_the_true_distance(n, samples, true):
    rng = np.random.default_rng(n)
    held, values = 0, []
    for _ in range(samples):
        meaning = rng.normal(size=(n, 40))
        x, y = (np.sqrt(0.7) * meaning + np.sqrt(0.3) * rng.normal(size=(n, 40)) for _ in range(2))
        shift = np.full(40, true)  # the spread is √40, and so is the length of (1, 1, …)
        measured = centroid_distance([x, y + shift], "ab", ProbeOptions())[0, 1]
        low, high = measured.interval
        held += low <= true <= high
        values.append(np.sign(measured.value) * measured.value**2)
    assert held >= 0.9 * samples
    assert np.mean(values) == pytest.approx(true**2, abs=0.005)  # 0.02 if the noise of 30 sentences stayed


def test_intervals_of_centroids_lie_around_their_value():
    for n in (5, 20, 200):
        mean = centroid_distance(data(n=n, shift=0.2), "abc", ProbeOptions(resamples=300))[()]
        low, high = mean.interval
        assert low < mean.value < high


def test_languages_that_lie_apart_are_told_and_those_that_do_not_are_not():
    apart = language_identification(data(shift=4.0), "abc", ProbeOptions())[()]
    assert apart.value > 0.99
    rng = np.random.default_rng(0)
    mixed = language_identification([rng.normal(size=(200, 8)) for _ in range(3)], "abc", ProbeOptions())[()]
    assert mixed.value == pytest.approx(1 / 3, abs=0.08)
    low, high = mixed.interval
    assert low < 1 / 3 < high


def test_translations_are_in_one_fold():
    """The same embedding in every language: told apart only by who has the sentence in the training folds."""
    x = np.random.default_rng(0).normal(size=(100, 200))  # more dimensions than sentences: all can be remembered
    assert language_identification([x, x, x], "abc", ProbeOptions())[()].value == pytest.approx(1 / 3, abs=1e-9)


def test_the_same_command_gives_the_same_numbers():
    for metric in (retrieval, centroid_distance, language_identification):
        one, other = (metric(data(shift=0.3), "abc", ProbeOptions(seed=1)) for _ in range(2))
        assert all((one[key].draws == other[key].draws).all() for key in one)


def test_what_cannot_be_told_apart_is_told():
    x, y, z = data()
    flat = np.ones_like(y)
    with pytest.raises(DataError, match="b: all sentences have the same embedding"):
        retrieval([x, flat, z], "abc", ProbeOptions())
    with pytest.raises(DataError, match="b: all sentences have the same embedding"):
        centroid_distance([x, flat, z], "abc", ProbeOptions())
    with pytest.raises(DataError, match="4 sentences are too few for 5 folds"):
        language_identification([x[:4], y[:4]], "ab", ProbeOptions())


@pytest.mark.parametrize(("agreement", "n"), [(0.6, 30), (0.75, 30), (0.9, 121)])
def test_intervals_of_retrieval_hold_the_true_value(agreement, n):
    """Accuracies of about 0.45, 0.83 and 0.99; the true value is the mean over all samples."""
    rng = np.random.default_rng(2)
    scale, values, ends = 1 / np.sqrt(np.arange(1, 101)), [], []
    for _ in range(60):
        x, own = rng.normal(size=(2, n, 100)) * scale
        common = agreement * x
        pair = [common + np.sqrt(1 - agreement**2) * noise for noise in (own, rng.normal(size=(n, 100)) * scale)]
        found = retrieval(pair, "ab", ProbeOptions(resamples=100))[()]
        values.append(found.value)
        ends.append(found.interval)
    held = sum(low <= np.mean(values) <= high for low, high in ends)
    assert held >= 53  # 95 % of 60 is 57


def test_what_is_right_everywhere_keeps_an_interval_and_so_do_differences():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 20))
    perfect = retrieval([x, x + 1e-3, x], "abc", ProbeOptions())
    # 30 sentences, t of 29 = 2.0452: 30 / (30 + t²) = 0.8776.
    assert [round(pair.interval[0], 4) for pair in perfect.values()] == [0.8776] * 4
    assert {pair.interval[1] for pair in perfect.values()} == {1.0}
    assert all(np.isnan(retrieval([x, x], "ab", ProbeOptions(resamples=0))[()].interval))
    same = perfect[()].minus(perfect[()])
    assert same.interval == pytest.approx((-0.1224, 0.1224), abs=1e-4)
    poor = retrieval([x, rng.normal(size=(30, 20)), x], "abc", ProbeOptions())[()]
    low, high = perfect[()].minus(poor).interval
    assert 0 < low < perfect[()].value - poor.value < high
