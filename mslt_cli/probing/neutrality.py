"""How well embeddings of parallel sentences tell the languages apart: three measures beside CKA.

Each takes the embeddings of the languages, and their names for errors: a DataError, where there is nothing to measure.
"""

import warnings
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError, needs
from mslt_cli.probing.pairs import (
    Embeddings,
    Floats,
    Measured,
    ProbeOptions,
    compute_pairs,
    recentre,
    share_of_decisions,
)

NEIGHBOURS = 10
"""Neighbours that CSLS averages over: Conneau et al. take ten."""
FOLDS = 5
BLOCK_ROWS = 2_000
"""Sentences whose similarities to all others are in memory at once."""


def retrieval(embeddings: Embeddings, languages: Sequence[str], options: ProbeOptions = ProbeOptions()) -> Measured:
    """Translation retrieval: the share of sentences whose nearest one in the other language is the translation.

    With `csls`, the mean similarity of both sentences to their nearest ten is subtracted from theirs, so that sentences
    that are near to everything are not found everywhere.

    Returns:
        Accuracy, mean of both directions, 0..1; higher = more mixed. Chance is 1 / n.

    Source:
        Nearest by cosine: as in Artetxe and Schwenk 2019. CSLS: Conneau et al. 2018, Word Translation Without Parallel
        Data, eq. 3.
    """
    unit = []
    for language, given in zip(languages, embeddings, strict=True):
        x = np.asarray(given, np.float64)
        norms = np.linalg.norm(x, axis=1, keepdims=True)
        if not norms.all() or (np.ptp(x, axis=0) == 0).all():
            what = "all sentences have the same embedding, or one has none"
            raise DataError(f"{language}: {what}: there is nothing to find.")
        unit.append(x / norms)
    weights = options.draw_sentences(len(unit[0]))
    found = {
        (a, b): _hits(unit[a], unit[b], options.csls).astype(float) + _hits(unit[b], unit[a], options.csls)
        for a, b in combinations(range(len(unit)), 2)
    }
    overall = share_of_decisions(np.sum([*found.values()], axis=0), 2 * len(found), weights)
    return {(): overall, **{pair: share_of_decisions(hits, 2, weights) for pair, hits in found.items()}}


def _hits(x: Floats, y: Floats, csls: bool) -> NDArray[np.bool_]:
    """Whether the nearest row of y to each row of x is the one of the same number."""
    hubs: Floats | float = 0.0
    if csls:  # the mean similarity of x's row to its own nearest is the same for all candidates: it changes no order
        most = min(NEIGHBOURS, len(x))
        blocks = (np.partition(similar, -most, axis=1)[:, -most:] for similar in _similarities(y, x))
        hubs = np.concatenate([nearest.mean(axis=1) for nearest in blocks])
    places = np.concatenate([(2 * similar - hubs).argmax(axis=1) for similar in _similarities(x, y)])
    return np.asarray(places == np.arange(len(x)))


def _similarities(x: Floats, y: Floats) -> Iterator[Floats]:
    """Similarities of x's rows to all rows of y, a block of rows at a time."""
    return (x[start : start + BLOCK_ROWS] @ y.T for start in range(0, len(x), BLOCK_ROWS))


def centroid_distance(embeddings: Embeddings, languages: Sequence[str], options: ProbeOptions) -> Measured:
    """Distance between the means of two languages, relative to the spread of sentences around each mean.

    The squared distance is estimated without bias: what the differences of n sentences alone make of it, tr Cov(a − b)
    / n, is subtracted. What is left is negative in half of all samples where the means are the same; its root then has
    a minus, so that a mean over pairs stays unbiased.

    Returns:
        ‖μ_a − μ_b‖ / √((s_a² + s_b²) / 2), where s² is the mean squared distance to the mean; LOWER = more mixed, 0 =
        the means are the same, and a little below 0 they are nearer than chance puts them.

    Source:
        Cohen's d in several dimensions. Libovický, Rosa and Fraser 2020, On the Language Neutrality of Pre-trained
        Multilingual Representations, compare centroids of languages as well.
    """
    n = len(embeddings[0])
    counts = np.concatenate([np.ones((1, n)), options.draw_sentences(n)])
    weights, pairs = counts / n, n * (n - 1)
    arrays, means, spreads = [], [], []
    for language, given in zip(languages, embeddings, strict=True):
        x = np.asarray(given, np.float64)
        mean, squares = weights @ x, (x**2).sum(axis=1)
        spread = weights @ squares - (mean**2).sum(axis=1)
        if spread[0] <= 1e-12 * max(squares.sum() / n, 1e-300):
            raise DataError(f"{language}: all sentences have the same embedding: there is nothing to compare.")
        arrays.append(x)
        means.append(mean)
        spreads.append(spread * n / (n - 1))

    def compute(a: int, b: int) -> tuple[float, Floats]:
        spread = (spreads[a] + spreads[b]) / 2
        spread = np.where(spread > 1e-9 * spread[0], spread, np.nan)  # nan: a draw of one sentence alone
        # The sum of (a_i − b_i)·(a_j − b_j) over pairs of different sentences: copies of one would agree.
        own = counts**2 @ ((arrays[a] - arrays[b]) ** 2).sum(axis=1)
        squares = (n**2 * ((means[a] - means[b]) ** 2).sum(axis=1) - own) / pairs / spread
        draws = recentre(squares[1:], float(squares[0]))
        return float(_signed_root(squares[0])), _signed_root(draws)

    return compute_pairs(len(means), compute)


def _signed_root(squares: Floats) -> Floats:
    return np.asarray(np.sign(squares) * np.sqrt(np.abs(squares)))


def language_identification(embeddings: Embeddings, languages: Sequence[str], options: ProbeOptions) -> Measured:
    """How well a linear classifier tells the language of a sentence from its embedding.

    Logistic regression on standardised embeddings, cross-validated. All translations of a sentence are in one fold, so
    that its meaning does not give the language away.

    Returns:
        Accuracy, of all languages together, 0..1; LOWER = more mixed. Chance is 1 / languages.

    Source:
        Libovický, Rosa and Fraser 2020, §3: language identification as a test of language neutrality.
    """
    with needs("A language identification probe", "scikit-learn", "probe"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    n, k = len(embeddings[0]), len(languages)
    if n < FOLDS:
        raise DataError(f"{n} sentences are too few for {FOLDS} folds of language identification.")
    x = np.concatenate([np.asarray(e, np.float32) for e in embeddings])
    y = np.repeat(np.arange(k), n)
    fold = np.tile(np.random.default_rng(options.seed).permutation(n) % FOLDS, k)
    right = np.zeros(len(x), bool)
    for held in range(FOLDS):
        test = fold == held
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an optimiser that stops early is near enough for an accuracy
            model.fit(x[~test], y[~test])
        right[test] = model.predict(x[test]) == y[test]
    return {(): share_of_decisions(right.reshape(k, n).sum(axis=0).astype(float), k, options.draw_sentences(n))}
