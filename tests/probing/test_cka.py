"""Linear CKA against its definition, a published implementation's numbers, and what it must not depend on."""

import numpy as np
import pytest

from mslt_cli.errors import DataError
from mslt_cli.probing import cka
from mslt_cli.probing.cka import linear_cka, pairwise_cka, shuffled_cka
from mslt_cli.probing.pairs import ProbeOptions

PAIRS = [(0, 1), (0, 2), (1, 2)]


def data(n=60, d=8, seed=0, languages=3):
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(n, d))
    return [meaning + 0.5 * i * rng.normal(size=(n, d)) + rng.normal(size=d) for i in range(1, languages + 1)]


def naive(x, y):
    """By the definition: HSIC of Gram matrices centred by H = I − 1/n."""
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n
    k, l_ = h @ x @ x.T @ h, h @ y @ y.T @ h
    return np.trace(k @ l_) / np.sqrt(np.trace(k @ k) * np.trace(l_ @ l_))


def naive_debiased(x, y):
    """Song et al.'s unbiased HSIC, term by term."""

    def hsic(x, y):
        n = len(x)
        k, l_ = x @ x.T, y @ y.T
        np.fill_diagonal(k, 0)
        np.fill_diagonal(l_, 0)
        one = np.ones(n)
        both = one @ k @ one * (one @ l_ @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * one @ k @ l_ @ one
        return (np.trace(k @ l_) + both) / (n * (n - 3))

    return hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y))


def test_by_hand():
    # Centred, x is (−1, 0, 1, 0) and y (0, −1, 0, 1): their Gram matrices share no entry.
    x, y = np.array([[0.0], [1], [2], [1]]), np.array([[1.0], [0], [1], [2]])
    assert linear_cka(x, y, debiased=False) == pytest.approx(0)
    assert linear_cka(x, -3 * x + 7, debiased=False) == pytest.approx(1)
    # (−1, 0, 1, 0) against (−1, −1, 1, 1): (x·y)² / (x·x · y·y) = 4 / 8
    assert linear_cka(x, np.array([[0.0], [0], [2], [2]]), debiased=False) == pytest.approx(0.5)


def test_the_numbers_of_the_authors_own_demonstration():
    """google-research/representation_similarity/Demo.ipynb prints 0.55761, and debiased 0.51346."""
    random = np.random.RandomState(1337)
    x = random.randn(100, 10)
    y = random.randn(100, 10) + x
    assert round(linear_cka(x, y, debiased=False), 5) == 0.55761
    assert round(linear_cka(x, y), 5) == 0.51346


@pytest.mark.parametrize("shape", [(30, 4), (12, 40)], ids=["over features", "over sentences"])
def test_both_forms_are_the_definition(shape):
    x, y, z = data(*shape)
    for a, b in ((x, y), (x, z), (y, z[:, :3])):
        assert linear_cka(a, b, debiased=False) == pytest.approx(naive(a, b))
        assert linear_cka(a, b) == pytest.approx(naive_debiased(a, b))


def test_axes_scale_place_and_order_do_not_matter_and_stretching_does():
    x, y, _ = data()
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(8, 8)))
    usual = linear_cka(x, y)
    assert linear_cka(x @ turn, 1.337 * y + 3) == pytest.approx(usual)
    assert linear_cka(x[::-1], y[::-1]) == pytest.approx(usual)
    assert linear_cka(y, x) == pytest.approx(usual)
    assert abs(linear_cka(x * np.arange(1, 9), y) - usual) > 0.01
    assert abs(linear_cka(x[::-1], y) - usual) > 0.1  # the sentences have to be the same


def test_unrelated_embeddings_look_alike_unless_debiased():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 60)), rng.normal(size=(40, 60))
    assert linear_cka(x, y, debiased=False) > 0.5
    assert abs(linear_cka(x, y)) < 0.1


@pytest.mark.parametrize("shape", [(30, 4), (12, 40)], ids=["over features", "over sentences"])
def test_shuffled_is_the_mean_over_shuffles_and_nothing_is_left_of_it_without_bias(shape):
    x, y, z = data(*shape)
    shuffled = shuffled_cka([x, y, z], "abc")
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(x)) for _ in range(2_000)]
    assert np.mean([naive(x, y[order]) for order in orders]) == pytest.approx(shuffled[0, 1].value, rel=0.02)
    assert abs(np.mean([linear_cka(x, y[order]) for order in orders[:500]])) < 0.02
    assert np.isnan(shuffled[()].interval).all()


def sample(rng, n, agreement, d=40):
    """Two languages of one meaning, with a spectrum that falls as those of real embeddings do; and their true CKA.

    Both have the covariance L, and `agreement` times it between them: CKA is its square.
    """
    scale = 1 / np.sqrt(np.arange(1, d + 1))
    x, own = rng.normal(size=(n, d)) * scale, rng.normal(size=(n, d)) * scale
    return [x, agreement * x + np.sqrt(1 - agreement**2) * own], agreement**2


@pytest.mark.parametrize(
    ("n", "samples", "debiased"), [(30, 200, True), (121, 100, True), (500, 100, True), (30, 200, False)]
)
def test_intervals_hold_the_true_value_and_those_of_biased_cka_do_not(n, samples, debiased):
    rng = np.random.default_rng(n)
    held = 0
    for _ in range(samples):
        given, true = sample(rng, n, 0.7)
        low, high = pairwise_cka(given, "ab", ProbeOptions(debiased=debiased))[0, 1].interval
        held += low <= true <= high
    assert held >= 0.9 * samples if debiased else held < 0.5 * samples


@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 60])
def test_all_pairs_at_once_are_each_pair_alone_whatever_the_blocks(monkeypatch, debiased, rows):
    given = data()
    monkeypatch.setattr(cka, "BLOCK_ELEMENTS", rows * 60 * 3)
    in_blocks = pairwise_cka(given, "abc", ProbeOptions(debiased=debiased, resamples=20))
    assert list(in_blocks) == [(), *PAIRS]
    for a, b in PAIRS:
        assert in_blocks[a, b].value == pytest.approx(linear_cka(given[a], given[b], debiased=debiased))
    assert in_blocks[()].value == pytest.approx(np.mean([in_blocks[pair].value for pair in PAIRS]))
    np.testing.assert_allclose(in_blocks[()].draws, np.mean([in_blocks[pair].draws for pair in PAIRS], axis=0))
    monkeypatch.undo()
    at_once = pairwise_cka(given, "abc", ProbeOptions(debiased=debiased, resamples=20))
    for pair in PAIRS:
        np.testing.assert_allclose(in_blocks[pair].draws, at_once[pair].draws, atol=1e-5)


@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize(("n", "d", "over_features"), [(60, 8, True), (20, 30, False)])
def test_without_resamples_the_cheaper_form_serves_all_pairs(monkeypatch, n, d, over_features, debiased):
    over_sentences, plain = [], cka._hsic
    monkeypatch.setattr(cka, "_hsic", lambda *args: over_sentences.append(1) or plain(*args))
    given = data(n, d)
    measured = pairwise_cka(given, "abc", ProbeOptions(debiased=debiased, resamples=0))
    assert bool(over_sentences) != over_features
    for a, b in PAIRS:
        assert measured[a, b].value == pytest.approx((naive_debiased if debiased else naive)(given[a], given[b]))


@pytest.mark.parametrize("debiased", [False, True])
def test_resamples_are_those_of_the_obvious_loop(debiased):
    """The loop repeats rows; pairs of a sentence with its own copy are left out."""
    x, y, _ = data(n=30)
    measured = pairwise_cka([x, y], "ab", ProbeOptions(debiased=debiased, resamples=6, seed=4))[0, 1]
    weights = np.random.default_rng(4).multinomial(30, np.full(30, 1 / 30), size=6)
    slow = []
    for w in weights:
        rows = np.repeat(np.arange(30), w)

        def inner(a, b, rows=rows):
            a, b = a - a.mean(axis=0), b - b.mean(axis=0)
            k, l_ = a[rows] @ a[rows].T, b[rows] @ b[rows].T
            n, one, same = 30, np.ones(30), rows[:, None] == rows[None, :]
            if debiased:
                k, l_ = np.where(same, 0, k), np.where(same, 0, l_)
                sums = one @ k @ one * (one @ l_ @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * one @ k @ l_ @ one
                return (k * l_).sum() + sums
            copies = same & ~np.eye(n, dtype=bool)
            return (k * l_)[~copies].sum() - 2 / n * one @ k @ l_ @ one + one @ k @ one * (one @ l_ @ one) / n**2

        slow.append(inner(x, y) / np.sqrt(inner(x, x) * inner(y, y)))
    np.testing.assert_allclose(measured.draws, np.array(slow) + measured.value - np.median(slow), atol=1e-5)


def test_intervals_are_as_wide_as_fresh_sentences_make_the_values_differ():
    def fresh_sample(seed):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(100, 10))
        return [x, x + rng.normal(size=(100, 10))]

    fresh = np.quantile([linear_cka(*fresh_sample(seed)) for seed in range(300)], (0.025, 0.975))
    widths = [
        np.diff(pairwise_cka(fresh_sample(seed), "ab", ProbeOptions(resamples=400))[0, 1].interval)[0]
        for seed in range(900, 910)
    ]
    assert np.mean(widths) == pytest.approx(fresh[1] - fresh[0], rel=0.25)


def test_of_few_sentences_there_is_no_interval_rather_than_a_wild_one():
    rng = np.random.default_rng(0)
    for n in (4, 5, 8, 10, 12, 20, 40):
        x = rng.normal(size=(n, 384))
        mean = pairwise_cka([x, x + 0.1 * rng.normal(size=x.shape)], "ab", ProbeOptions(resamples=200))[()]
        low, high = mean.interval
        assert np.isnan(low) or -0.5 < low <= mean.value <= high < 1.5, n
    assert not np.isnan(low)


def test_the_same_seed_gives_the_same_numbers_and_no_resamples_no_interval():
    given = data()
    one, other = (pairwise_cka(given, "abc", ProbeOptions(seed=3, resamples=10)) for _ in range(2))
    assert all((one[key].draws == other[key].draws).all() for key in ((), *PAIRS))
    assert np.isnan(pairwise_cka(given, "abc", ProbeOptions(resamples=0))[()].interval).all()


def test_what_cannot_be_compared_is_told():
    x, y, _ = data()
    with pytest.raises(DataError, match="embeddings of the same sentences: 60 and 59"):
        linear_cka(x, y[:-1])
    with pytest.raises(DataError, match="3 sentences are too few"):
        linear_cka(x[:3], y[:3])
    with pytest.raises(DataError, match="^a: 3 sentences are too few"):
        pairwise_cka([x[:3], y[:3]], "ab", ProbeOptions())
    with pytest.raises(DataError, match="^b: All sentences have the same embedding"):
        pairwise_cka([x, np.ones_like(y)], "ab", ProbeOptions())
    with pytest.raises(DataError, match="different numbers of sentences: 60, 59"):
        pairwise_cka([x, y[:-1]], "ab", ProbeOptions())
