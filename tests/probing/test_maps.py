import numpy as np
import pytest

from mslt_cli.errors import DataError
from mslt_cli.probing.maps import project

pytest.importorskip("sklearn")


def data(n=25):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 6)) * [5, 3, 1, 1, 1, 1] + shift for shift in (0, 8)]


def test_principal_components_keep_the_longest_axes():
    one, other = project(data(), "pca")
    assert one.shape == other.shape == (25, 2)
    every, flat = np.concatenate(data()), np.concatenate([one, other])
    values = np.linalg.svd(every - every.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.sqrt((flat**2).sum(axis=0)), values[:2])


@pytest.mark.parametrize("how", ["tsne", "pca"])
def test_a_map_is_the_same_each_time(how):
    one, other = (np.concatenate(project(data(), how, perplexity=5, seed=1)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert np.isfinite(one).all()


def test_what_lies_apart_lies_apart_on_the_map():
    one, other = project(data(), "tsne", perplexity=10)
    assert np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) > one.std() / 2


def test_too_few_sentences_for_the_perplexity_are_told():
    with pytest.raises(DataError, match="perplexity is 30, and there are 20 points: lower --perplexity"):
        project(data(10), "tsne")
    assert len(project(data(10), "tsne", perplexity=5)) == 2
