"""Good sets within milliseconds: a greedy set and random ones, then the best swap of one item until none helps."""

import time

import numpy as np

from mslt_cli.search import Floats, Ints
from mslt_cli.search.best import BestSets
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.problem import Problem


def offer_good_sets(
    problem: Problem, best: BestSets, deadline: float | None = None, *, starts: int = 20, seed: int = 0
) -> None:
    """Offer `best` what a greedy set and some random ones become by swaps, with all sets one swap away.

    A quarter of the time until `deadline` is enough. The greedy set is offered in any case.
    """
    wanted = problem.wanted
    if len(wanted.fixed) == wanted.k:
        return  # nothing to choose
    stop = np.inf if deadline is None else deadline - 0.75 * (deadline - time.monotonic())
    rng = np.random.default_rng(seed)
    seen: set[tuple[int, ...]] = set()
    _climb(problem, _greedy(problem), best, seen, stop)
    for _ in range(starts):
        if time.monotonic() > stop:
            return
        _climb(problem, random_set(wanted, rng), best, seen, stop)


def random_set(wanted: Wanted, rng: np.random.Generator) -> Ints | None:
    """A random set that keeps to the quotas, the fixed items first; None if 20 tries met with none."""
    for _ in range(20):
        chosen = list(wanted.fixed)
        for item in rng.permutation(wanted.n):
            if len(chosen) == wanted.k:
                break
            if item not in chosen and (not wanted.caps or wanted.permits(np.array([[*chosen, item]]))[0]):
                chosen.append(int(item))
        if len(chosen) == wanted.k and wanted.permits(np.array([chosen]))[0]:
            return np.array(chosen, dtype=np.int64)
    return None


def _greedy(problem: Problem) -> Ints | None:
    """Fill up with the item that is best at each step; None where quotas leave it none."""
    wanted = problem.wanted
    chosen = np.array(wanted.fixed, dtype=np.int64)
    while len(chosen) < wanted.k:
        values = _with_each(problem, chosen[None])[0]
        item = int(values.argmax())
        if values[item] == -np.inf:
            return None
        chosen = np.append(chosen, item)
    return chosen if wanted.permits(chosen[None])[0] else None


def _with_each(problem: Problem, sets: Ints) -> Floats:
    """Worth of each set and one item more, −inf where that is not allowed. Shape (b, s) → (b, n)."""
    values = problem.with_each(sets)
    np.put_along_axis(values, sets, -np.inf, axis=1)
    values[problem.wanted.full(sets, np.arange(problem.wanted.n))] = -np.inf
    return values


def _climb(problem: Problem, chosen: Ints | None, best: BestSets, seen: set[tuple[int, ...]], stop: float) -> None:
    """Swap while that helps; the fixed items come first in `chosen` and stay."""
    if chosen is None:
        return
    free = np.arange(len(problem.wanted.fixed), problem.wanted.k)
    worth = -np.inf
    while tuple(sorted(chosen.tolist())) not in seen:
        seen.add(tuple(sorted(chosen.tolist())))
        without = np.array([np.delete(chosen, j) for j in free])
        values = _with_each(problem, without)
        row, item = np.nonzero((values >= best.must_reach) & np.isfinite(values))
        best.add(values[row, item], np.column_stack([without[row], item]))
        j, t = divmod(int(values.argmax()), problem.wanted.n)
        if not values[j, t] > worth + 1e-12 or time.monotonic() > stop:
            return
        worth = float(values[j, t])
        chosen = np.append(without[j], t)
