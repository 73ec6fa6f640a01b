"""Temporary."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Score:
    metric: str
    value: float
    low: float
    high: float
    counts: dict
    rows: int


def accuracy_table(gold, predicted):
    out = []
    for g, p in zip(gold, predicted, strict=True):
        if isinstance(g, list):
            out.append((sum(a == b for a, b in zip(g, p, strict=True)), len(g)))
        else:
            out.append((int(g == p), 1))
    return np.array(out, np.int64)


def entity_table(labels, gold, predicted):
    return np.ones((len(gold), 3), np.int64)


def score(metric, table, seed=0, resamples=1000):
    t = table.sum(0)
    v = float(t[0] / t[1]) if metric == "accuracy" else 0.5
    return Score(metric, v, v, v, {"n": int(t[1])}, len(table))
