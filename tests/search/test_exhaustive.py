import itertools

import numpy as np
import pytest

from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.exhaustive import all_sets, combinations


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 1), (5, 5), (7, 3), (9, 4)])
def test_all_sets_come_in_lexicographic_order(n, k):
    assert list(map(tuple, combinations(n, k).tolist())) == list(itertools.combinations(range(n), k))


@pytest.mark.parametrize("seed", range(20))
def test_fixed_items_and_caps_leave_what_a_loop_would(seed):
    rng = np.random.default_rng(seed)
    n, k = 9, int(rng.integers(2, 6))
    fixed = tuple(sorted(rng.choice(n, int(rng.integers(0, k + 1)), replace=False).tolist()))
    labels, most = rng.integers(0, 4, n), int(rng.integers(1, 3))
    expected = [
        items
        for items in itertools.combinations(range(n), k)
        if set(fixed) <= set(items) and max(np.bincount(labels[list(items)])) <= most
    ]
    found = all_sets(Wanted(n, k, fixed, (Caps(labels, most),)))
    assert list(map(tuple, found.tolist())) == expected
