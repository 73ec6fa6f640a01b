"""Maps: embeddings in two dimensions, for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError, MissingPackageError

Projection = Literal["tsne", "pca"]
PROJECTIONS: tuple[Projection, ...] = ("tsne", "pca")
CALLED = {"tsne": "t-SNE", "pca": "PCA"}
PERPLEXITY = 30.0


def project(
    embeddings: Sequence[NDArray[Any]], how: Projection = "tsne", *, perplexity: float = PERPLEXITY, seed: int = 0
) -> list[NDArray[np.float64]]:
    """Put the embeddings of several languages on one map.

    Args:
        embeddings: of each language, shape (n, d).
        how: tsne (t-SNE from the principal components; distances between its clumps mean nothing), or pca (keeps
            distances as far as two dimensions can).
        perplexity: about how many neighbours a sentence has in t-SNE.
        seed: of t-SNE.

    Returns:
        Of each language, shape (n, 2).

    Raises:
        MissingPackageError: scikit-learn is not installed.
        DataError: there are too few sentences for the perplexity.

    Source:
        van der Maaten and Hinton 2008; scikit-learn.
    """
    require_points(sum(len(x) for x in embeddings), how, perplexity)
    points = np.concatenate([np.asarray(x, np.float64) for x in embeddings])
    if how == "pca":
        centred = points - points.mean(axis=0)
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        # The sign of an axis is arbitrary: we make its largest entry positive.
        axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
        flat = centred @ axes.T
    else:
        try:
            from sklearn.manifold import TSNE
        except ModuleNotFoundError as error:
            raise MissingPackageError("A t-SNE map", "scikit-learn", "probe") from error
        flat = TSNE(
            n_components=2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed
        ).fit_transform(points.astype(np.float32))
    return [np.asarray(part, np.float64) for part in np.split(flat, np.cumsum([len(x) for x in embeddings])[:-1])]


def require_points(points: int, how: Projection, perplexity: float) -> None:
    """Raises: DataError: there are too few points, over all languages, for a map of this kind."""
    if how == "tsne" and perplexity >= points:
        raise DataError(
            f"t-SNE's perplexity is {perplexity:g}, and there are {points} points: lower --perplexity, or take more"
            " sentences."
        )
