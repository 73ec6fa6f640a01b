"""Linear CKA: how alike two sets of embeddings of the same sentences are, independent of their axes and scale."""

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError
from mslt_cli.probing.pairs import Embeddings, Floats, Measured, ProbeOptions, compute_pairs, recentre

BLOCK_ELEMENTS = 16_000_000
"""Entries of Gram matrices that are in memory at once."""
LEAST_RESAMPLED = 10
"""Sentences below which there is no interval: a resample has too few different ones."""
MOST_CKA = 1.5
"""CKA is 1 at most; under a resample somewhat more, since the pairs that are copies are left out."""
LEAST_SENTENCES = 4
"""The unbiased form divides by n (n − 3)."""


def linear_cka(x: NDArray[Any], y: NDArray[Any], *, debiased: bool = True) -> float:
    """Linear centred kernel alignment between two embeddings of the same sentences, over their features.

    Args:
        x, y: shape (n, d) and (n, e), rows are the same sentences in the same order.
        debiased: estimate each of its three parts without bias (Song et al. 2007). Plain CKA is too high where there
            are few sentences for the dimensions: for unrelated embeddings it is about d / (n + d), not 0. See
            `shuffled_cka`.

    Returns:
        0..1, higher = more alike; debiased it may be a little below 0.

    Raises:
        DataError: the two differ in sentences, there are too few, or all embeddings of one are the same.

    Source:
        Kornblith et al. 2019, Similarity of Neural Network Representations Revisited, §3, and its demonstration for
        the debiased form over features.
    """
    x, y = _centre(x), _centre(y)
    n = len(x)
    if n != len(y):
        raise DataError(f"CKA is between embeddings of the same sentences: {n} and {len(y)} are given.")

    def hsic(a: Floats, b: Floats) -> float:
        similarity = float(((a.T @ b) ** 2).sum())
        if not debiased:
            return similarity
        squares_a, squares_b = (a**2).sum(axis=1), (b**2).sum(axis=1)
        totals = squares_a.sum() * squares_b.sum()
        return float(similarity - n / (n - 2) * squares_a @ squares_b + totals / ((n - 1) * (n - 2)))

    return float(hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y)))


def _centre(x: NDArray[Any], name: str = "") -> Floats:
    """The embeddings less their mean, in float64; checks that there are enough, and that they differ."""
    x = np.asarray(x, np.float64)
    if len(x) < LEAST_SENTENCES:
        raise DataError(f"{name}{len(x)} sentences are too few for CKA: it needs {LEAST_SENTENCES}.")
    centred: Floats = x - x.mean(axis=0)
    if not centred.any() or (centred**2).sum() < 1e-20 * max((x**2).sum(), 1e-300):
        raise DataError(f"{name}All sentences have the same embedding: there is nothing to compare.")
    return centred


def pairwise_cka(embeddings: Embeddings, languages: Sequence[str], options: ProbeOptions = ProbeOptions()) -> Measured:
    """CKA between all pairs of languages (see `linear_cka`), with intervals by a bootstrap over sentences.

    One pass over blocks of Gram matrices serves all pairs and all resamples: a resample is a vector of weights. Without
    resamples, features serve where they are cheaper. A sentence that is drawn twice would count as two that agree;
    such pairs are left out, and the resampled values are moved so that their median is the estimate.

    Raises:
        DataError: as `linear_cka`; names the language.
    """
    centred = [_centre(x, f"{language}: ") for language, x in zip(languages, embeddings, strict=True)]
    n = len(centred[0])
    if any(len(x) != n for x in centred):
        numbers = ", ".join(str(len(x)) for x in centred)
        raise DataError(f"The languages have different numbers of sentences: {numbers}.")
    k, d = len(centred), max(x.shape[1] for x in centred)
    if not options.resamples and (k + 1) * d**2 < 2 * n * d + (k + 1) * n:  # products of all pairs, of either form
        return compute_pairs(
            k, lambda a, b: (linear_cka(centred[a], centred[b], debiased=options.debiased), np.empty(0))
        )
    hsic = _hsic(centred, options.draw_sentences(n).T, options.debiased)

    def compute(a: int, b: int) -> tuple[float, Floats]:
        scale = hsic[a, a] * hsic[b, b]
        value = float(hsic[a, b][0] / np.sqrt(scale[0]))
        # A draw of few sentences may leave too few pairs of different ones to say anything.
        usable = (n >= LEAST_RESAMPLED) & (scale > 0) & (np.abs(hsic[a, b]) < MOST_CKA * np.sqrt(np.abs(scale)))
        resampled = np.where(usable, hsic[a, b] / np.sqrt(np.where(usable, scale, 1.0)), np.nan)[1:]
        return value, recentre(resampled, value)

    return compute_pairs(k, compute)


def shuffled_cka(embeddings: Embeddings, languages: Sequence[str], options: ProbeOptions = ProbeOptions()) -> Measured:
    """Biased CKA of sentences that are no translations of each other: its mean over all orders of one language.

    HSIC is tr(K) tr(L) / (n − 1) on average over all orders (K, L: centred Gram matrices), and its norms stay. Biased
    CKA says something of the languages only as far as it is above this. There are no intervals.

    Raises:
        DataError: as `pairwise_cka`.
    """
    centred = [_centre(x, f"{language}: ") for language, x in zip(languages, embeddings, strict=True)]
    n = len(centred[0])
    # tr(K) / ‖K‖ of each language; ‖K‖ over the smaller of its two forms
    ratios = [(x**2).sum() / np.linalg.norm(x @ x.T if len(x) < x.shape[1] else x.T @ x) for x in centred]
    return compute_pairs(len(ratios), lambda a, b: (float(ratios[a] * ratios[b] / (n - 1)), np.empty(0)))


def _hsic(centred: Sequence[Floats], draws: Floats, debiased: bool) -> dict[tuple[int, int], Floats]:
    """HSIC of all pairs a ≤ b, up to a factor that is the same for all: the estimate, then that under each resample.

    `draws` is how often each sentence is drawn in each resample, shape (n, resamples).
    """
    (n, resamples), k = draws.shape, len(centred)
    weights = draws.astype(np.float32)
    sums = {pair: np.zeros(1 + resamples) for pair in combinations_with_replacement(range(k), 2)}
    rows = max(1, BLOCK_ELEMENTS // (n * k))
    for start in range(0, n, rows):
        at = np.arange(start, min(start + rows, n))
        diagonal = (at - start, at)
        grams = [x[at] @ x.T for x in centred]
        for gram in grams if debiased else ():  # the diagonal makes the bias
            gram[diagonal] = 0.0
        small = [gram.astype(np.float32) for gram in grams] if resamples else []
        repeated = weights[at] ** 2 - weights[at]
        for (a, b), total in sums.items():
            total[0] += np.vdot(grams[a], grams[b])
            if resamples:
                both = small[a] * small[b]
                total[1:] += ((both @ weights) * weights[at]).sum(axis=0, dtype=np.float64)
                total[1:] -= (both[diagonal][:, None] * repeated).sum(axis=0, dtype=np.float64)
    all_weights = np.concatenate([np.ones((n, 1)), weights], axis=1)
    margins = []  # the Gram matrix times each vector of weights, without making the matrix
    for x in centred:
        margin = x @ (x.T @ all_weights)
        margins.append(margin - (x**2).sum(axis=1)[:, None] * all_weights if debiased else margin)
    for (a, b), total in sums.items():  # centred under each vector of weights
        both = (all_weights * margins[a] * margins[b]).sum(axis=0)
        totals = (all_weights * margins[a]).sum(axis=0) * (all_weights * margins[b]).sum(axis=0)
        if debiased:
            sums[a, b] = total + totals / ((n - 1) * (n - 2)) - 2 / (n - 2) * both
        else:
            sums[a, b] = total - 2 / n * both + totals / n**2
    return sums
