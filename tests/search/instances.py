"""Random small instances of every kind, for tests that hold a search against enumeration."""

from types import SimpleNamespace

import numpy as np

from mslt_cli.search import branch_and_bound, in_order, labels, local_search, maximin, ranking
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.objective import DistinctLabels, ItemSum, Lot, PairSum
from mslt_cli.search.problem import problem_of


def count_time(monkeypatch):
    """Give all parts of the search one clock that moves on by one whenever somebody looks at it."""
    looks = iter(range(10_000_000))
    clock = SimpleNamespace(monotonic=lambda: float(next(looks)))
    for module in (branch_and_bound, in_order, labels, local_search, maximin, ranking):
        monkeypatch.setattr(module, "time", clock)


def pair_problem(distance, wanted, vectors=None):
    """The search problem of distances between n languages; unit vectors where the distances are theirs."""
    return problem_of(PairSum(distance, np.arange(len(distance)), vectors), wanted, least=False)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def distances(unit_vectors):
    gap = np.maximum(1 - unit_vectors @ unit_vectors.T, 0)
    np.fill_diagonal(gap, 0)
    return (gap + gap.T) / 2


def instance(seed):
    """An objective, what is wanted, how many rows, and whether the least first."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 13))
    k = int(rng.integers(2, min(n, 6) + 1))
    classes = int(rng.integers(3, n + 1))
    kind = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    rng.shuffle(kind)
    match seed % 8:
        case 0 | 1:  # features of 0 and 1, so that many values tie
            vectors = unit((rng.random((classes, 6)) < 0.5) + np.eye(classes, 6) * 0.5 + 0.01)
            objective = PairSum(distances(vectors), kind, vectors)
        case 2:  # three dimensions
            vectors = unit(rng.random((classes, 3)) + 0.01)
            objective = PairSum(distances(vectors), kind, vectors)
        case 3:  # distances that no vectors have
            gap = rng.random((classes, classes))
            gap = (gap + gap.T) / 2
            np.fill_diagonal(gap, 0)
            objective = PairSum(gap, kind)
        case 4:
            vectors = unit((rng.random((classes, 5)) < 0.5) + 0.1)
            objective = PairSum(distances(vectors), kind, vectors, smallest=True)
        case 5:
            objective = ItemSum(rng.integers(0, 8, n) * 1.0)
        case 6:
            objective = DistinctLabels(rng.integers(0, 5, n))
        case _:
            objective = Lot(n, k, seed)
    fixed = tuple(rng.choice(n, int(rng.integers(0, min(3, k) + 1)), replace=False).tolist()) if seed % 3 == 0 else ()
    caps = (Caps(rng.integers(0, 5, n), int(rng.integers(1, 3))),) if seed % 5 == 0 else ()
    return objective, Wanted(n, k, fixed, caps), int(rng.integers(1, 14)), bool(rng.integers(2))
