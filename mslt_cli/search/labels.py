"""Ranking by the number of distinct labels: the sets of each number are listed in order, and counted without it."""

import time
from collections import Counter
from math import comb

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search import Ints
from mslt_cli.search.best import Ranking, Row
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.in_order import first_in_order, list_ties


def rank_labels(label: Ints, wanted: Wanted, *, top: int, least: bool, deadline: float) -> Ranking:
    """List the sets of the best number of labels, then of the next, until there are `top`; labels of shape (n,).

    Past the deadline (`time.monotonic()`) the gap is from the number at hand, and there may be no row.
    """
    soon = deadline - 0.75 * (deadline - time.monotonic())
    counts = None if wanted.caps else label_counts(label, wanted, soon)
    growth = LabelGrowth(label, -1 if least else 1)
    rows: list[Row] = []
    place = 1
    for number in range(1, wanted.k + 1) if least else range(wanted.k, 0, -1):
        if len(rows) >= top:
            break
        if counts is not None and not counts.get(number):
            continue
        asked = top - len(rows)
        if counts is None:
            sets, size = list_ties(growth, wanted, growth.sign * number, asked, deadline)
        else:
            sets, size = first_in_order(growth, wanted, growth.sign * number, asked, deadline), counts[number]
        rows += [Row(items, float(number), place, size) for items in sets]
        place += size if size is not None else len(sets)
        if len(sets) < asked and time.monotonic() > deadline:
            gap = abs(number - rows[0].value) / rows[0].value if rows else 0.0
            return Ranking(rows, False, "bound", gap)
    return Ranking(rows, True, "bound", 0.0)


class LabelGrowth:
    """Number of distinct labels, times `sign`."""

    def __init__(self, label: Ints, sign: int) -> None:
        self.label, self.sign = np.unique(label, return_inverse=True)[1], sign
        held = np.eye(int(self.label.max()) + 1, dtype=np.int32)[self.label]
        self.later = np.zeros((len(label) + 1, held.shape[1]), dtype=np.int32)  # [i]: of the items from i on
        self.later[:-1] = held[::-1].cumsum(axis=0, dtype=np.int32)[::-1]

    def start(self) -> NDArray[np.bool_]:
        return np.zeros(self.later.shape[1], dtype=np.bool_)

    def add(self, state: NDArray[np.bool_], item: int) -> NDArray[np.bool_]:
        after = state.copy()
        after[self.label[item]] = True
        return after

    def reach(self, state: NDArray[np.bool_], first: int, missing: int) -> float:
        has = int(np.count_nonzero(state))
        if not missing:
            return float(self.sign * has)
        later = self.later[first]
        others = later[~state]
        if self.sign > 0:
            return float(has + min(missing, int(np.count_nonzero(others))))
        room = np.append(later[state].sum(), np.sort(others[others > 0])[::-1])  # the largest labels hold the most
        return -float(has + np.count_nonzero(room.cumsum()[:-1] < missing))


def label_counts(labels: Ints, wanted: Wanted, deadline: float = float("inf")) -> dict[int, int] | None:
    """How many sets hold each number of distinct labels: the coefficients of a product over the labels; None if late.

    A label of m free languages contributes `1 + y((1 + x)^m − 1)`, and `(1 + x)^m` if a fixed language has
    it already; x counts languages and y labels.
    """
    fixed = set(labels[list(wanted.fixed)].tolist())
    free = np.delete(labels, list(wanted.fixed))
    missing = wanted.k - len(wanted.fixed)
    ways = {(0, len(fixed)): 1}
    for label, m in zip(*np.unique(free, return_counts=True), strict=True):
        after: Counter[tuple[int, int]] = Counter()
        for (size, distinct), count in ways.items():
            if missing > 20 and time.monotonic() > deadline:
                return None
            for take in range(min(int(m), missing - size) + 1):
                new = distinct + (take > 0 and int(label) not in fixed)
                after[size + take, new] += count * comb(int(m), take)
        ways = dict(after)
    return {distinct: count for (size, distinct), count in ways.items() if size == missing}
