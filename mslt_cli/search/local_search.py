"""Good sets fast: random starts, then the best swap of one item for another until none helps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import BestSets
from mslt_cli.search.branch_and_bound import PairwiseProblem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def swap_search(problem: PairwiseProblem, best: BestSets, *, starts: int = 30, seed: int = 0) -> None:
    """Offer `best` the local optima of `starts` random sets, and the best neighbours of the top ones."""
    rng = np.random.default_rng(seed)
    found: dict[tuple[int, ...], float] = {}
    for _ in range(starts):
        start = random_set(len(problem.gain), problem.k, problem.fixed, problem.permits, rng)
        if start is None:
            continue
        chosen = _climb(problem, start)
        found[tuple(sorted(chosen.tolist()))] = float(problem.value(chosen[None])[0])
    for items in sorted(found, key=lambda key: -found[key])[:10]:
        sets = np.array([items], dtype=np.int64)
        best.add(problem.value(sets), sets)
        _offer_neighbours(problem, best, sets[0])


def random_set(
    n: int,
    k: int,
    fixed: tuple[int, ...],
    permits: Callable[[Ints], NDArray[np.bool_]],
    rng: np.random.Generator,
) -> Ints | None:
    """A random set that keeps to the caps, the fixed items first; None if none was met with."""
    for _ in range(20):
        chosen = list(fixed)
        for item in rng.permutation(n):
            if len(chosen) == k:
                break
            if item not in chosen and permits(np.array([[*chosen, item]]))[0]:
                chosen.append(int(item))
        if len(chosen) == k and permits(np.array([chosen]))[0]:
            return np.array(chosen, dtype=np.int64)
    return None


def _swaps(problem: PairwiseProblem, chosen: Ints) -> Floats:
    """Value after item j of `chosen` gives way to item t, shape (k, n); −inf where not allowed."""
    rows = problem.gain[chosen]  # (k, n)
    total = rows.sum(axis=0)  # (n,)
    worth = float(problem.value(chosen[None])[0])
    after: Floats = worth - total[chosen][:, None] + total[None, :] - rows
    after[:, chosen] = -np.inf
    after[: len(problem.fixed)] = -np.inf
    for cap in problem.caps:
        same = cap.labels[chosen][:, None] == cap.labels[None, :]  # (k, n)
        left = same.sum(axis=0)[None, :] - same  # after j has gone
        after[left >= cap.most] = -np.inf
    return after


def _climb(problem: PairwiseProblem, chosen: Ints) -> Ints:
    chosen = chosen.copy()
    worth = float(problem.value(chosen[None])[0])
    while True:
        after = _swaps(problem, chosen)
        j, t = divmod(int(after.argmax()), after.shape[1])
        if not after[j, t] > worth + 1e-12:
            return chosen
        chosen[j] = t
        worth = float(after[j, t])


def _offer_neighbours(problem: PairwiseProblem, best: BestSets, chosen: Ints) -> None:
    chosen = np.concatenate([np.array(problem.fixed, dtype=np.int64), np.setdiff1d(chosen, problem.fixed)])
    after = _swaps(problem, chosen)
    flat = np.argsort(-after, axis=None)[: 4 * best.want]
    j, t = np.unravel_index(flat, after.shape)
    fine = np.isfinite(after[j, t])
    sets = np.repeat(chosen[None], int(fine.sum()), axis=0)
    sets[np.arange(len(sets)), j[fine]] = t[fine]
    best.add(problem.value(np.sort(sets, axis=1)), sets)
