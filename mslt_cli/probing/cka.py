"""Linear CKA: how alike two sets of embeddings of the same sentences are, independent of their axes and scale."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError
from mslt_cli.probing.pairs import Pairs, compute_pairs, recentre, sentence_weights

Floats = NDArray[np.float64]

BLOCK_ELEMENTS = 16_000_000
"""Entries of Gram matrices that are in memory at once."""
LEAST_RESAMPLED = 10
"""Sentences below which there is no interval: a resample has too few different ones."""
MOST_CKA = 1.5
"""CKA is 1 at most; under a resample somewhat more, since the pairs that are copies are left out."""
LEAST_SENTENCES = 4
"""The unbiased form divides by n (n − 3)."""


def linear_cka(x: NDArray[Any], y: NDArray[Any], *, debiased: bool = False) -> float:
    """Linear centred kernel alignment between two embeddings of the same sentences, over their features.

    Args:
        x: shape (n, d), rows are sentences.
        y: shape (n, e), the same sentences in the same order.
        debiased: estimate each of its three parts without bias (Song et al. 2007). Plain CKA is too high where there
            are few sentences for the dimensions: for unrelated embeddings it is about d / (n + d), not 0.

    Returns:
        0..1, higher = more alike; debiased it may be a little below 0.

    Raises:
        DataError: the two differ in sentences, there are too few, or all embeddings of one are the same.

    Source:
        Kornblith et al. 2019, Similarity of Neural Network Representations Revisited, §3, and its demonstration for
        the debiased form over features.
    """
    x, y = _centre(x), _centre(y)
    if len(x) != len(y):
        raise DataError(f"CKA is between embeddings of the same sentences: {len(x)} and {len(y)} are given.")
    xy, xx, yy = (float(((a.T @ b) ** 2).sum()) for a, b in ((x, y), (x, x), (y, y)))
    if debiased:
        squares_x, squares_y = (x**2).sum(axis=1), (y**2).sum(axis=1)
        xy = _remove_bias(xy, squares_x, squares_y)
        xx, yy = _remove_bias(xx, squares_x, squares_x), _remove_bias(yy, squares_y, squares_y)
    return float(xy / np.sqrt(xx * yy))


def _centre(x: NDArray[Any]) -> Floats:
    """The embeddings less their mean, in float64.

    Raises:
        DataError: there are too few, or all are the same.
    """
    x = np.asarray(x, np.float64)
    if len(x) < LEAST_SENTENCES:
        raise DataError(f"{len(x)} sentences are too few for CKA: it needs {LEAST_SENTENCES}.")
    centred: Floats = x - x.mean(axis=0)
    if not centred.any() or (centred**2).sum() < 1e-20 * max((x**2).sum(), 1e-300):
        raise DataError("All sentences have the same embedding: there is nothing to compare.")
    return centred


def _remove_bias(similarity: float, squares_x: Floats, squares_y: Floats) -> float:
    n = len(squares_x)
    return float(
        similarity - n / (n - 2) * squares_x @ squares_y + squares_x.sum() * squares_y.sum() / ((n - 1) * (n - 2))
    )


def pairwise_cka(
    embeddings: Sequence[NDArray[Any]],
    languages: Sequence[str],
    *,
    debiased: bool = False,
    resamples: int = 200,
    seed: int = 0,
) -> Pairs:
    """CKA between all pairs of languages, with intervals by a bootstrap over sentences.

    One pass over blocks of Gram matrices serves all pairs and all resamples: a resample is a vector of weights. Without
    resamples, features serve where they are cheaper. A sentence that is drawn twice would count as two that agree;
    such pairs are left out, and the resampled values are moved so that their median is the estimate.

    Args:
        embeddings: of each language, shape (n, d), rows are the same sentences.
        languages: their names.
        debiased: see `linear_cka`.
        resamples: 0 = no intervals.
        seed: of the bootstrap.

    Returns:
        Higher = more mixed.

    Raises:
        DataError: as `linear_cka`; names the language.
    """
    centred = []
    for language, x in zip(languages, embeddings, strict=True):
        try:
            centred.append(_centre(x))
        except DataError as error:
            raise DataError(f"{language}: {error}") from error
    n = len(centred[0])
    if any(len(x) != n for x in centred):
        raise DataError(
            f"The languages have different numbers of sentences: {', '.join(str(len(x)) for x in centred)}."
        )
    k, d = len(centred), max(x.shape[1] for x in centred)
    if not resamples and (k + 1) * d**2 < 2 * n * d + (k + 1) * n:  # products of all pairs, of either form

        def compute_alone(a: int, b: int) -> tuple[float, Floats]:
            return linear_cka(centred[a], centred[b], debiased=debiased), np.empty(0)

        return compute_pairs(languages, compute_alone, diagonal=1.0)
    hsic, drawn = _hsic(centred, sentence_weights(n, resamples, seed).T, debiased)

    def compute(a: int, b: int) -> tuple[float, Floats]:
        value = float(hsic[a, b] / np.sqrt(hsic[a, a] * hsic[b, b]))
        # A draw of few sentences may leave too few pairs of different ones to say anything.
        scale = drawn[a, a] * drawn[b, b]
        usable = (n >= LEAST_RESAMPLED) & (scale > 0) & (np.abs(drawn[a, b]) < MOST_CKA * np.sqrt(np.abs(scale)))
        resampled = np.where(usable, drawn[a, b] / np.sqrt(np.where(usable, scale, 1.0)), np.nan)
        return value, recentre(resampled, value)

    return compute_pairs(languages, compute, diagonal=1.0)


def _hsic(centred: Sequence[Floats], draws: Floats, debiased: bool) -> tuple[Floats, Floats]:
    """HSIC of all pairs, up to a factor that is the same for all.

    Args:
        centred: k sets of embeddings, shape (n, d) each.
        draws: how often each sentence is drawn in each resample, shape (n, resamples).
        debiased: see `linear_cka`.

    Returns:
        Shape (k, k), and under each resample, shape (k, k, resamples); the upper triangles alone are filled.
    """
    (n, resamples), k = draws.shape, len(centred)
    weights = draws.astype(np.float32)
    pairs = list(combinations_with_replacement(range(k), 2))
    inner, drawn = np.zeros((k, k)), np.zeros((k, k, resamples))
    rows = max(1, BLOCK_ELEMENTS // (n * k))
    for start in range(0, n, rows):
        block = slice(start, min(start + rows, n))
        grams = [_gram(x, block, debiased) for x in centred]
        small = [gram.astype(np.float32) for gram in grams] if resamples else []
        at = np.arange(block.start, block.stop)
        repeated = weights[block] ** 2 - weights[block]
        for a, b in pairs:
            inner[a, b] += np.vdot(grams[a], grams[b])
            if resamples:
                both = small[a] * small[b]
                drawn[a, b] += ((both @ weights) * weights[block]).sum(axis=0, dtype=np.float64)
                drawn[a, b] -= (both[at - start, at][:, None] * repeated).sum(axis=0, dtype=np.float64)
    sums = np.concatenate([np.ones((n, 1)), weights], axis=1)  # the estimate, then the resamples
    margins = [_margins(x, sums, debiased) for x in centred]
    for a, b in pairs:
        corrected = _correct(np.append(inner[a, b], drawn[a, b]), margins[a], margins[b], sums, debiased)
        inner[a, b], drawn[a, b] = corrected[0], corrected[1:]
    return inner, drawn


def _gram(x: Floats, block: slice, debiased: bool) -> Floats:
    """Some rows of the Gram matrix; the diagonal is 0 where it makes the bias."""
    gram: Floats = x[block] @ x.T
    if debiased:
        at = np.arange(block.start, block.stop)
        gram[at - block.start, at] = 0.0
    return gram


def _margins(x: Floats, weights: Floats, debiased: bool) -> Floats:
    """The Gram matrix times each vector of weights, shape (n, resamples), without making the matrix."""
    margins: Floats = x @ (x.T @ weights)
    if debiased:
        margins -= (x**2).sum(axis=1)[:, None] * weights
    return margins


def _correct(inner: Floats, a: Floats, b: Floats, weights: Floats, debiased: bool) -> Floats:
    """Sums over pairs of sentences → HSIC up to a factor: centred under each vector of weights."""
    n = len(weights)
    both = (weights * a * b).sum(axis=0)
    totals = (weights * a).sum(axis=0) * (weights * b).sum(axis=0)
    if debiased:
        return np.asarray(inner + totals / ((n - 1) * (n - 2)) - 2 / (n - 2) * both)
    return np.asarray(inner - 2 / n * both + totals / n**2)
