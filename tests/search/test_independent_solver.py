"""The search against HiGHS, which knows nothing of pairs, classes or our bounds."""

import importlib.util

import numpy as np
import pytest

from mslt_cli.criteria.typology import diversity
from mslt_cli.languages.uriel import VECTOR_SETS, read_uriel
from mslt_cli.search import ranking
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.ranking import rank

optimize = pytest.importorskip("scipy.optimize")
sparse = pytest.importorskip("scipy.sparse")

LANGUAGES = "ara deu ell eng est eus fin fra hat hin ind ita jpn kor mya quy rus spa swh tam tel tha tur urd vie zho"


@pytest.fixture(scope="module")
def uriel():
    if importlib.util.find_spec("lang2vec") is None:
        pytest.skip("lang2vec is not installed")
    return read_uriel()


def solved(gain, k, fixed=()):
    """max Σ gain_ij y_ij with Σ x = k, y_ij ≤ x_i, y_ij ≤ x_j, and Σ_j y_ij = (k − 1) x_i, which tightens it."""
    n = len(gain)
    i, j = np.triu_indices(n, 1)
    p = len(i)
    pair = np.arange(p)
    below = sparse.coo_array(
        (
            np.tile([1.0, -1.0], 2 * p),
            (np.repeat(np.arange(2 * p), 2), np.ravel(np.column_stack([np.tile(n + pair, 2), np.r_[i, j]]))),
        ),
        shape=(2 * p, n + p),
    )
    degree = sparse.coo_array(
        (
            np.concatenate([np.ones(2 * p), np.full(n, 1.0 - k)]),
            (np.concatenate([i, j, np.arange(n)]), np.concatenate([n + pair, n + pair, np.arange(n)])),
        ),
        shape=(n, n + p),
    )
    size = sparse.coo_array((np.ones(n), (np.zeros(n, dtype=int), np.arange(n))), shape=(1, n + p))
    low = np.zeros(n + p)
    low[list(fixed)] = 1
    answer = optimize.milp(
        np.concatenate([np.zeros(n), -gain[i, j]]),
        constraints=[
            optimize.LinearConstraint(below.tocsr(), -np.inf, 0),
            optimize.LinearConstraint(degree.tocsr(), 0, 0),
            optimize.LinearConstraint(size.tocsr(), k, k),
        ],
        integrality=np.concatenate([np.ones(n), np.zeros(p)]),
        bounds=optimize.Bounds(low, 1),
    )
    assert answer.success
    return -answer.fun


def ours(objective, wanted, monkeypatch, *, least=False):
    monkeypatch.setattr(ranking, "ENUMERATE_UP_TO", -1)
    found = rank(objective, wanted, top=1, least=least)
    assert found.exact
    return found.rows[0].value


def between_languages(objective):
    return objective.distance[np.ix_(objective.kind, objective.kind)]


@pytest.mark.parametrize("k", [4, 5])
@pytest.mark.parametrize("name", VECTOR_SETS)
def test_the_solver_agrees_on_real_vectors(monkeypatch, uriel, name, k):
    row = {code: i for i, code in enumerate(uriel.codes)}
    vectors = uriel.vectors[name]
    known = [row[code] for code in LANGUAGES.split() if code in row and vectors.known[row[code]]]
    assert len(known) >= 24
    objective = diversity(vectors.matrix[known])
    wanted = Wanted(len(known), k)
    assert ours(objective, wanted, monkeypatch) == pytest.approx(solved(between_languages(objective), k), abs=1e-6)


@pytest.mark.parametrize(("seed", "k"), [(0, 4), (1, 5)])
def test_the_solver_agrees_on_random_vectors(monkeypatch, seed, k):
    objective = diversity((np.random.default_rng(seed).random((25, 30)) < 0.5).astype(np.uint8))
    found = ours(objective, Wanted(25, k, (3,)), monkeypatch)
    assert found == pytest.approx(solved(between_languages(objective), k, fixed=(3,)), abs=1e-6)


def test_the_solver_agrees_on_the_least_diverse(monkeypatch):
    objective = diversity(np.random.default_rng(2).random((25, 6)))
    found = ours(objective, Wanted(25, 4), monkeypatch, least=True)
    assert found == pytest.approx(-solved(-between_languages(objective), 4), abs=1e-6)
