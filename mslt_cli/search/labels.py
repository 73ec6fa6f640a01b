"""Ranking by the number of distinct labels: the sets of each number are listed in order, and counted without it."""

import time
from collections import Counter
from math import comb

import numpy as np

from mslt_cli.search import Ints
from mslt_cli.search.best import Ranking, Row
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.in_order import first_in_order


def rank_labels(label: Ints, wanted: Wanted, *, top: int, least: bool, deadline: float) -> Ranking:
    """List the sets of the best number of labels, then of the next, until there are `top`; labels of shape (n,).

    Past the deadline (`time.monotonic()`) the gap is from the number at hand, and there may be no row.
    """
    counts = None if wanted.caps else label_counts(label, wanted)
    growth = LabelGrowth(label, -1 if least else 1)
    rows: list[Row] = []
    place = 1
    for number in range(1, wanted.k + 1) if least else range(wanted.k, 0, -1):
        if len(rows) >= top:
            break
        size = None if counts is None else counts.get(number, 0)
        if size == 0:
            continue
        asked = top - len(rows)
        sets = first_in_order(growth, wanted, growth.sign * number, asked, deadline)
        rows += [Row(items, float(number), place, size) for items in sets]
        place += size if size is not None else len(sets)
        if len(sets) < asked and time.monotonic() > deadline:
            gap = abs(number - rows[0].value) / rows[0].value if rows else 0.0
            return Ranking(rows, False, "bound", gap)
    return Ranking(rows, True, "bound", 0.0)


class LabelGrowth:
    """Number of distinct labels, times `sign`."""

    def __init__(self, label: Ints, sign: int) -> None:
        self.label, self.sign = label, sign

    def start(self) -> frozenset[int]:
        return frozenset()

    def add(self, state: frozenset[int], item: int) -> frozenset[int]:
        return state | {int(self.label[item])}

    def reach(self, state: frozenset[int], first: int, missing: int) -> float:
        later = Counter(self.label[first:].tolist())
        room = sum(later.pop(label, 0) for label in state)
        if self.sign > 0:
            return float(len(state) + min(missing, len(later)))
        more = 0
        for size in sorted(later.values(), reverse=True):  # the largest labels hold the most
            if room >= missing:
                break
            room += size
            more += 1
        return -float(len(state) + more)


def label_counts(labels: Ints, wanted: Wanted) -> dict[int, int]:
    """How many sets hold each number of distinct labels: the coefficients of a product over the labels.

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
            for take in range(min(int(m), missing - size) + 1):
                new = distinct + (take > 0 and int(label) not in fixed)
                after[size + take, new] += count * comb(int(m), take)
        ways = dict(after)
    return {distinct: count for (size, distinct), count in ways.items() if size == missing}
