"""Random small instances of what sets cover, with many ties, for tests that hold the search against enumeration."""

import numpy as np

from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.covers import Coverage, Nearest, TargetCoverage
from mslt_cli.search.objective import Mixed, PairSum


def vocabularies(rng, count, size):
    """Random sets of ids below `size`, some of them large, some small or empty."""
    return [np.flatnonzero(rng.random(size) < rng.random() ** 2) for _ in range(count)]


def cover(rng, n, kind):
    """A cover over n languages; values are shares of few ids, or rounded, so that many tie."""
    ids = vocabularies(rng, n, int(rng.integers(5, 90)))
    ids[int(rng.integers(n))] = np.arange(3)
    match kind:
        case 0:
            return Coverage(ids)
        case 1:
            targets = [np.append(one, 0) for one in vocabularies(rng, int(rng.integers(1, 5)), 90)]
            return TargetCoverage(ids, targets)
        case _:
            similarity = rng.random((n, int(rng.integers(1, 5)))) * 2 - 1
            return Nearest(similarity.round(int(rng.integers(1, 3))))


def cover_instance(seed):
    """An objective, what is wanted, how many rows, and whether the least first."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 13))
    k = int(rng.integers(1, min(n, 6) + 1))
    if seed % 5 < 3:
        objective = cover(rng, n, seed % 5)
    else:
        gap = rng.random((n, n)).round(1)
        gap = (gap + gap.T) / 2
        np.fill_diagonal(gap, 0)
        share = float(rng.choice([0, 0.25, 0.5, 0.75, 1]))
        objective = Mixed(PairSum(gap, np.arange(n)), cover(rng, n, int(rng.integers(3))), share)
    fixed = tuple(sorted(rng.choice(n, int(rng.integers(0, min(3, k) + 1)), replace=False).tolist()))
    caps = [Caps(rng.integers(0, int(rng.integers(2, 6)), n), int(rng.integers(1, 3))) for _ in range(2)]
    wanted = Wanted(n, k, fixed if seed % 3 == 0 else (), tuple(caps[: int(rng.integers(3))]) if seed % 4 == 0 else ())
    return objective, wanted, int(rng.integers(1, 15)), bool(rng.integers(2))
