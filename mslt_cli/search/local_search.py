"""Good sets within milliseconds: a greedy set and random ones, then the best swap of one item until none helps."""

import time
from collections import Counter
from dataclasses import replace

import numpy as np

from mslt_cli.search import Ints
from mslt_cli.search.best import BestSets
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.objective import MANY
from mslt_cli.search.problem import Problem

_CELLS = 1_000_000  # of values, or of positions of sets, at a time


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
    _climb(problem, _greedy(problem, stop), best, seen, stop)
    for _ in range(starts):
        if time.monotonic() > stop:
            return
        _climb(problem, random_set(wanted, rng), best, seen, stop)


def random_set(wanted: Wanted, rng: np.random.Generator) -> Ints | None:
    """A random set that keeps to the quotas, the fixed items first; None if 20 tries met with none."""
    fixed = np.array(wanted.fixed, dtype=np.int64)
    for _ in range(20):
        order = rng.permutation(wanted.n)
        chosen = _fill(wanted, fixed, order[~np.isin(order, fixed)])
        if chosen is not None:
            return chosen
    return None


def _fill(wanted: Wanted, chosen: Ints, order: Ints) -> Ints | None:
    """Fill a set up with other items in this order, as far as quotas let them join; None if they are too few."""
    if wanted.caps:
        held = [Counter(cap.labels[chosen].tolist()) for cap in wanted.caps]
        labels = zip(*(cap.labels[order].tolist() for cap in wanted.caps), strict=True)
        joins = []
        for own in labels:
            joins.append(all(had[label] < cap.most for had, label, cap in zip(held, own, wanted.caps, strict=True)))
            for had, label in zip(held, own, strict=True):
                had[label] += joins[-1]
        order = order[joins]
    filled = np.concatenate([chosen, order[: wanted.k - len(chosen)]])
    return filled if len(filled) == wanted.k and wanted.permits(filled[None])[0] else None


def _greedy(problem: Problem, stop: float) -> Ints | None:
    """Fill up with the item that is best at each step; None where quotas leave it none.

    Past `stop`, a large set is filled at once, with what was best then.
    """
    wanted, every = problem.wanted, np.arange(problem.wanted.n)
    chosen = np.array(wanted.fixed, dtype=np.int64)
    linear, covered = problem.linear(chosen, every), np.zeros(wanted.n)
    while len(chosen) < wanted.k:
        if problem.cover is not None:
            covered = problem.covered(chosen, every) * (1 if problem.cover_weight > 0 else -1)
        values = linear + covered
        values[chosen] = -np.inf
        values[wanted.full(chosen[None], every)[0]] = -np.inf
        if len(chosen) > MANY and time.monotonic() > stop:
            order = np.argsort(-values, kind="stable")
            return _fill(wanted, chosen, order[np.isfinite(values[order])])
        item = values.argmax()
        if values[item] == -np.inf:
            return None
        chosen = np.append(chosen, item)
        linear += problem.pair_sums(chosen[-1:], every)
    return chosen if wanted.permits(chosen[None])[0] else None


def _climb(problem: Problem, chosen: Ints | None, best: BestSets, seen: set[tuple[int, ...]], stop: float) -> None:
    """Swap while that helps; the fixed items come first in `chosen` and stay."""
    if chosen is None:
        return
    worth = -np.inf
    while tuple(sorted(chosen.tolist())) not in seen:
        seen.add(tuple(sorted(chosen.tolist())))
        found, swapped = _offer_swaps(problem, chosen, best, stop)
        if not found > worth + 1e-12 or time.monotonic() > stop:
            return
        worth, chosen = found, swapped


def _offer_swaps(problem: Problem, chosen: Ints, best: BestSets, stop: float) -> tuple[float, Ints]:
    """Offer all sets one swap away, and the set itself; the best one and its worth, of those seen until `stop`."""
    wanted, every, (k, f) = problem.wanted, np.arange(problem.wanted.n), (len(chosen), len(problem.wanted.fixed))
    linear, alone = problem.linear(chosen, every), replace(problem, cover=None)
    whole = float(alone.values(chosen[None])[0])
    found, swapped = -np.inf, chosen
    rows = max(1, _CELLS // wanted.n)
    for at in range(f, k, rows):
        if at > f and time.monotonic() > stop:
            break
        out = chosen[at : at + rows]
        without = np.array([np.delete(chosen, j) for j in range(at, at + len(out))])
        values = whole - linear[out][:, None] + linear - problem.pair_gains(out, every)
        if problem.cover is not None:
            values += problem.cover_weight * problem.cover.extended(without)
        itself = values[np.arange(len(out)), out]
        values[:, chosen] = -np.inf
        values[np.arange(len(out)), out] = itself
        values[wanted.full(without, every)] = -np.inf
        best_one = int(values.argmax())
        j, t = divmod(best_one, wanted.n)
        if values[j, t] > found:
            found, swapped = float(values[j, t]), np.append(without[j], t)
        row, item = np.nonzero((values >= best.must_reach) & np.isfinite(values))
        worth = values[row, item]
        order = np.argsort(-worth, kind="stable")
        step = max(64, _CELLS // k)
        for start in range(0, len(order), step):
            part = order[start : start + step]
            if worth[part[0]] < best.must_reach or (start and time.monotonic() > stop):
                break
            best.add(worth[part], np.column_stack([without[row[part]], item[part]]))
    return found, swapped
