"""How well embeddings of parallel sentences tell the languages apart: three measures beside CKA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError, MissingPackageError
from mslt_cli.probing.pairs import Overall, Pairs, compute_pairs, recentre, sentence_weights

Floats = NDArray[np.float64]
NEIGHBOURS = 10
"""Neighbours that CSLS averages over: Conneau et al. take ten."""
FOLDS = 5
BLOCK_ROWS = 2_000
"""Sentences whose similarities to all others are in memory at once."""


def retrieval(
    embeddings: Sequence[NDArray[Any]],
    languages: Sequence[str],
    *,
    csls: bool = False,
    resamples: int = 200,
    seed: int = 0,
) -> Pairs:
    """Translation retrieval: the share of sentences whose nearest one in the other language is the translation.

    Args:
        embeddings: of each language, shape (n, d), rows are the same sentences.
        languages: their names.
        csls: subtract from each similarity the mean similarity of the two to their nearest ten, so that sentences
            that are near to everything are not found everywhere.
        resamples: of the bootstrap over sentences.
        seed: of the bootstrap.

    Returns:
        Accuracy, mean of both directions, 0..1; higher = more mixed. Chance is 1 / n.

    Source:
        Nearest by cosine: as in Artetxe and Schwenk 2019. CSLS: Conneau et al. 2018, Word Translation Without Parallel
        Data, eq. 3.
    """
    unit = [_unit(x, language) for x, language in zip(embeddings, languages, strict=True)]
    n = len(unit[0])
    weights = sentence_weights(n, resamples, seed) / n

    def compute(a: int, b: int) -> tuple[float, Floats]:
        hits = (_hits(unit[a], unit[b], csls).astype(float) + _hits(unit[b], unit[a], csls)) / 2
        return float(hits.mean()), weights @ hits

    return compute_pairs(languages, compute, diagonal=1.0)


def _hits(x: Floats, y: Floats, csls: bool) -> NDArray[np.bool_]:
    """Whether the nearest row of y to each row of x is the one of the same number."""
    hubs = _nearness(y, x) if csls else 0.0
    hit = np.empty(len(x), bool)
    for block in _blocks(len(x)):
        similar = x[block] @ y.T
        # The mean similarity of x's row to its own nearest is the same for all candidates: it changes no order.
        hit[block] = (2 * similar - hubs if csls else similar).argmax(axis=1) == np.arange(block.start, block.stop)
    return hit


def _nearness(x: Floats, y: Floats) -> Floats:
    """Mean similarity of each row of x to its nearest rows of y."""
    out = np.empty(len(x))
    most = min(NEIGHBOURS, len(y))
    for block in _blocks(len(x)):
        out[block] = np.partition(x[block] @ y.T, -most, axis=1)[:, -most:].mean(axis=1)
    return out


def _blocks(n: int) -> Iterator[slice]:
    for start in range(0, n, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, n))


def _unit(x: NDArray[Any], language: str) -> Floats:
    x = np.asarray(x, np.float64)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    if not norms.all() or (np.ptp(x, axis=0) == 0).all():
        raise DataError(
            f"{language}: all sentences have the same embedding, or one has none: there is nothing to find."
        )
    unit: Floats = x / norms
    return unit


def centroid_distance(
    embeddings: Sequence[NDArray[Any]], languages: Sequence[str], *, resamples: int = 200, seed: int = 0
) -> Pairs:
    """Distance between the means of two languages, relative to the spread of sentences around each mean.

    Args:
        embeddings: of each language, shape (n, d).
        languages: their names.
        resamples: of the bootstrap over sentences.
        seed: of the bootstrap.

    Returns:
        ‖μ_a − μ_b‖ / √((s_a² + s_b²) / 2), where s² is the mean squared distance to the mean; 0 or more, LOWER = more
        mixed. The diagonal is 0.

    Source:
        Cohen's d in several dimensions. Libovický, Rosa and Fraser 2020, On the Language Neutrality of Pre-trained
        Multilingual Representations, compare centroids of languages as well.
    """
    arrays = [np.asarray(x, np.float64) for x in embeddings]
    n = len(arrays[0])
    weights = np.concatenate([np.ones((1, n)), sentence_weights(n, resamples, seed)]) / n  # rows add up to 1
    means = [weights @ x for x in arrays]
    spreads = []
    for language, x, mean in zip(languages, arrays, means, strict=True):
        spread = weights @ (x**2).sum(axis=1) - (mean**2).sum(axis=1)
        if spread[0] <= 1e-12 * max((x**2).sum() / n, 1e-300):
            raise DataError(f"{language}: all sentences have the same embedding: there is nothing to compare.")
        spreads.append(spread)

    def compute(a: int, b: int) -> tuple[float, Floats]:
        squared = ((means[a] - means[b]) ** 2).sum(axis=1)
        spread = (spreads[a] + spreads[b]) / 2
        spread = np.where(spread > 1e-9 * spread[0], spread, np.nan)  # nan: a draw of one sentence alone
        distance = np.sqrt(squared / spread)
        return float(distance[0]), recentre(distance[1:], float(distance[0]))

    return compute_pairs(languages, compute, diagonal=0.0)


def language_identification(
    embeddings: Sequence[NDArray[Any]], languages: Sequence[str], *, resamples: int = 200, seed: int = 0
) -> Overall:
    """How well a linear classifier tells the language of a sentence from its embedding.

    Logistic regression on standardised embeddings, cross-validated. All translations of a sentence are in one fold, so
    that its meaning does not give the language away.

    Args:
        embeddings: of each language, shape (n, d), rows are the same sentences.
        languages: their names.
        resamples: of the bootstrap over sentences.
        seed: of the folds and of the bootstrap.

    Returns:
        Accuracy, 0..1; LOWER = more mixed. Chance is 1 / languages.

    Raises:
        MissingPackageError: scikit-learn is not installed.
        DataError: there are fewer sentences than folds.

    Source:
        Libovický, Rosa and Fraser 2020, §3: language identification as a test of language neutrality.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ModuleNotFoundError as error:
        raise MissingPackageError("A language identification probe", "scikit-learn", "probe") from error
    import warnings

    n, k = len(embeddings[0]), len(embeddings)
    if n < FOLDS:
        raise DataError(f"{n} sentences are too few for {FOLDS} folds of language identification.")
    x = np.concatenate([np.asarray(e, np.float32) for e in embeddings])
    y, sentence = np.repeat(np.arange(k), n), np.tile(np.arange(n), k)
    fold = np.random.default_rng(seed).permutation(n) % FOLDS
    right = np.zeros(len(x), bool)
    for held in range(FOLDS):
        test = fold[sentence] == held
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an optimiser that stops early is near enough for an accuracy
            model.fit(x[~test], y[~test])
        right[test] = model.predict(x[test]) == y[test]
    by_sentence = right.reshape(k, n).mean(axis=0)
    return Overall(float(by_sentence.mean()), sentence_weights(n, resamples, seed) @ by_sentence / n)
