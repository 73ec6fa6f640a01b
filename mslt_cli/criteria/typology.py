"""Distances between language vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.objective import PairSum


def diversity(vectors: NDArray[Any], *, smallest: bool = False) -> PairSum:
    """Diversity of a combination: `Σ_{i<j∈C} (1 − cos(v_i, v_j))`, or the smallest of these distances.

    Languages with equal vectors become one class, so that what costs time is the number of different
    vectors. For 0/1 features the products are whole numbers, and equal distances come out equal.

    Args:
        vectors: one row a language, shape (n, d); no row may be zero.
        smallest: value a combination by its smallest pair distance instead of the sum.

    Returns:
        The objective over the n languages; a distance is in 0..2 (0..1 for vectors without negative
        entries), 0 = same direction. Higher = more diverse.

    Source:
        Lim et al. 2024, §5.3.3.
    """
    if vectors.dtype != np.uint8:
        vectors = vectors.astype(np.float64, copy=False)
    distinct, kind = _distinct_rows(vectors)
    if distinct.dtype == np.uint8:  # counts below 2^24 are exact in single precision, and twice as fast
        single = distinct.astype(np.float32)
        cosine = (single @ single.T).astype(np.float64)
        norms = np.sqrt(np.diag(cosine))
        unit = distinct / norms[:, None]
    else:
        unit = distinct / np.linalg.norm(distinct, axis=1)[:, None]
        cosine = unit @ unit.T
        norms = np.ones(len(distinct))
    cosine /= norms[:, None]
    cosine /= norms[None, :]
    distance = np.subtract(1.0, cosine, out=cosine)
    np.maximum(distance, 0.0, out=distance)
    np.fill_diagonal(distance, 0.0)
    return PairSum(distance, kind, unit, smallest)


def cosines(vectors: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """Cosine of each of n vectors with each of T others, shape (n, d) and (T, d) → (n, T); no row may be zero."""
    ours, theirs = vectors.astype(np.float64), others.astype(np.float64)
    lengths = np.linalg.norm(ours, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)[None, :]
    cosine: NDArray[np.float64] = np.clip(ours @ theirs.T / lengths, -1.0, 1.0)
    return cosine


def from_distances(distance: NDArray[np.float64], *, smallest: bool = False) -> PairSum:
    """The same objective over distances of the user's own, shape (n, n), symmetric with a zero diagonal."""
    return PairSum(distance, np.arange(len(distance)), None, smallest)


def _distinct_rows(vectors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The different rows, shape (c, d), and for each row which of them it is, shape (n,)."""
    packed = np.packbits(vectors, axis=1) if vectors.dtype == np.uint8 else np.ascontiguousarray(vectors)
    rows = packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1]))).ravel()
    _, first, kind = np.unique(rows, return_index=True, return_inverse=True)
    return vectors[first], kind.ravel().astype(np.int64)
