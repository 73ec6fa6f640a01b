"""Sets that cover much, or little, within milliseconds: greedy and random starts, then the best swap of one item."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import BestSets
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.local_search import random_set
from mslt_cli.search.objective import Covering

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def offer_good_sets(
    objective: Covering,
    wanted: Wanted,
    best: BestSets,
    *,
    sign: float = 1.0,
    starts: int = 8,
    seed: int = 0,
    deadline: float | None = None,
) -> None:
    """Offer `best` what a greedy set and some random ones become by swaps, with all sets one swap away.

    A quarter of the time there is until `deadline` is enough; the greedy set is offered in any case.
    """
    if len(wanted.fixed) == wanted.k:
        return  # nothing to choose
    stop = None if deadline is None else deadline - 0.75 * (deadline - time.monotonic())
    rng = np.random.default_rng(seed)
    seen: set[tuple[int, ...]] = set()
    for number in range(starts + 1):
        if number:
            if _late(stop):
                return
            chosen = random_set(wanted.n, wanted.k, wanted.fixed, wanted.permits, rng)
        else:
            chosen = _greedy(objective, wanted, sign)
        if chosen is not None:
            _climb(objective, wanted, sign, chosen, best, seen, stop)


def _greedy(objective: Covering, wanted: Wanted, sign: float) -> Ints | None:
    """Fill up with the item that is best at each step; None where quotas leave it none."""
    chosen = np.array(wanted.fixed, dtype=np.int64)
    while len(chosen) < wanted.k:
        values = _with_each(objective, wanted, sign, chosen[None])[0]
        item = int(values.argmax())
        if values[item] == -np.inf:
            return None
        chosen = np.append(chosen, item)
    return chosen if wanted.permits(chosen[None])[0] else None


def _with_each(objective: Covering, wanted: Wanted, sign: float, sets: Ints) -> Floats:
    """Value of each set and one item more, times `sign`; −inf where that is not allowed. Shape (b, s) → (b, n)."""
    values = sign * objective.extended(sets)
    np.put_along_axis(values, sets, -np.inf, axis=1)
    for cap in wanted.caps:
        held = (cap.labels[sets][:, :, None] == cap.labels[None, None, :]).sum(axis=1)  # (b, n)
        values[held >= cap.most] = -np.inf
    return values


def _climb(
    objective: Covering,
    wanted: Wanted,
    sign: float,
    chosen: Ints,
    best: BestSets,
    seen: set[tuple[int, ...]],
    stop: float | None,
) -> None:
    """Swap while that helps; the fixed items come first in `chosen` and stay."""
    free = np.arange(len(wanted.fixed), wanted.k)
    worth = -np.inf
    while tuple(sorted(chosen.tolist())) not in seen:
        seen.add(tuple(sorted(chosen.tolist())))
        without = np.array([np.delete(chosen, j) for j in free])
        values = _with_each(objective, wanted, sign, without)
        row, item = np.nonzero((values >= best.must_reach) & np.isfinite(values))
        best.add(values[row, item], np.column_stack([without[row], item]))
        j, t = divmod(int(values.argmax()), wanted.n)
        if not values[j, t] > worth + 1e-12 or _late(stop):
            return
        worth = float(values[j, t])
        chosen = np.append(without[j], t)


def _late(stop: float | None) -> bool:
    return stop is not None and time.monotonic() > stop
