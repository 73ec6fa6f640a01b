"""Maps: embeddings in two dimensions, for the eye."""

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError, needs
from mslt_cli.probing.pairs import Embeddings

PROJECTIONS = {"tsne": "t-SNE", "pca": "PCA"}
"""What each is called. t-SNE starts from the principal components; distances between its clumps mean nothing. PCA keeps
distances as far as two dimensions can."""


def project(
    embeddings: Embeddings, how: str = "tsne", *, perplexity: float = 30.0, seed: int = 0
) -> list[NDArray[np.float64]]:
    """Put the embeddings of several languages on one map, by one of PROJECTIONS: for each language, shape (n, 2).

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
        axes = np.linalg.svd(centred, full_matrices=False).Vh[:2]
        # The sign of an axis is arbitrary: we make its largest entry positive.
        flat = centred @ (axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]).T
    else:
        with needs("A t-SNE map", "scikit-learn", "probe"):
            from sklearn.manifold import TSNE
        tsne = TSNE(n_components=2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
        flat = tsne.fit_transform(points.astype(np.float32)).astype(np.float64)
    return np.split(flat, np.cumsum([len(x) for x in embeddings])[:-1])


def require_points(points: int, how: str, perplexity: float) -> None:
    """Raises: DataError: there are too few points, over all languages, for a map of this kind."""
    if how == "tsne" and perplexity >= points:
        raise DataError(
            f"t-SNE's perplexity is {perplexity:g}, and there are {points} points: lower --perplexity, or take more"
            " sentences."
        )
