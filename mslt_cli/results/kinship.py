"""How alike languages are by all that URIEL knows of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mslt_cli.store.db import Store
from mslt_cli.store.language_vectors import read_vectors

SCALES = {"syntax_knn": 0.35, "phonology_knn": 0.17, "inventory_knn": 0.29, "fam": 0.91, "geo": 0.06}
"""Mean of 1 − cosine over the pairs of the 93 languages that XLM-R was trained on, by set of vectors."""


def typological_similarity(store: Store, languages: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Similarity of languages (ISO 639-3), and those without any vector, which are like no other.

    It is the mean over the five sets of vectors of exp((cosine − 1) / scale), the Gaussian kernel on unit vectors; in a
    set that lacks a language, its cosine with each other is taken for 0.

    Returns:
        Shape (L, L), 0..1, 1 on the diagonal, symmetric and positive semi-definite: a mean of such matrices.

    Source:
        Vectors: URIEL (Littell et al. 2017). The kernel of a mean of kernels is the usual one of several sources.
    """
    total = np.zeros((len(languages), len(languages)))
    unknown = set(languages)
    for name, scale in SCALES.items():
        vectors = read_vectors(store, name, languages)
        unknown -= set(vectors.codes)
        matrix = vectors.matrix.astype(np.float64)
        matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
        rows = [languages.index(code) for code in vectors.codes]
        cosine = np.eye(len(languages))
        cosine[np.ix_(rows, rows)] = matrix @ matrix.T
        total += np.exp((cosine - 1) / scale)
    similarity = total / len(SCALES)
    for code in unknown:
        at = languages.index(code)
        similarity[at] = similarity[:, at] = np.eye(len(languages))[at]
    return np.clip((similarity + similarity.T) / 2, 0, 1), tuple(x for x in languages if x in unknown)
