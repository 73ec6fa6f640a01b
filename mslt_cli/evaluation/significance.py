"""Whether two systems differ: exact tests and paired bootstraps over the tables of metrics.py."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mslt_cli.evaluation.metrics import METRICS, Floats, Table, interval, target_weights


@dataclass(frozen=True)
class Difference:
    """The second system less the first."""

    value: float
    """−1..1."""
    low: float
    """95 % interval."""
    high: float
    p: float
    """Two-sided: share of draws with a difference of 0 or of the other sign, doubled."""


def mcnemar(only_a: int, only_b: int) -> float:
    """McNemar's exact test: are the rows that just one of two systems gets right evenly shared?

    Args:
        only_a: rows that only the first gets right.
        only_b: rows that only the second gets right.

    Returns:
        Two-sided p; 1 where they agree on every row.

    Source:
        McNemar 1947, with the binomial instead of its approximation.
    """
    n = only_a + only_b
    if not n:
        return 1.0
    most = min(only_a, only_b)
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2) for i in range(most + 1)]
    return min(1.0, 2 * math.fsum(math.exp(log) for log in logs))


def holm(p: Sequence[float]) -> list[float]:
    """Correct p values for their number, step by step from the smallest; keeps their order.

    Source:
        Holm 1979.
    """
    adjusted = [0.0] * len(p)
    highest = 0.0
    for smaller, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (len(p) - smaller) * p[i]))
        adjusted[i] = highest
    return adjusted


def paired_bootstrap(
    metric: str,
    a: Mapping[str, Table],
    b: Mapping[str, Table],
    *,
    ids: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
    resamples: int = 10_000,
) -> Difference:
    """Test the difference of two systems' unweighted means over targets; one target is a mean of its own.

    A resample draws rows, the same ones for both systems. It also draws runs where a system has several, the same ones
    for all targets, and for both systems if they have equally many. A system's value is the mean over its runs.

    Args:
        metric: a row of METRICS.
        a, b: by target; tables of the same rows, shape (runs, rows, columns).
        ids: of the rows, where equal ids in two targets are the same item; see `metrics.macro`.
        seed: of the draws.
        resamples: number of draws.

    Source:
        Koehn 2004, for the pairing; Efron 1979.
    """
    runs = (len(next(iter(a.values()))), len(next(iter(b.values()))))
    observed = _mean(metric, b) - _mean(metric, a)
    drawn: list[Floats] = []
    rng = np.random.default_rng([seed, 1])  # of the runs; the rows have a stream of their own
    sizes = {target: table.shape[1] for target, table in a.items()}
    for weights in target_weights(sizes, ids, seed=seed, resamples=resamples):
        of_a, of_b = _drawn_runs(rng, *runs, n=len(next(iter(weights.values()))))
        values_a = np.mean([_values(metric, a[target], weights[target], of_a) for target in a], axis=0)
        values_b = np.mean([_values(metric, b[target], weights[target], of_b) for target in a], axis=0)
        drawn.append(values_b - values_a)
    differences = np.concatenate(drawn)
    low, high = interval(differences)
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    p = min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))
    return Difference(observed, min(low, observed), max(high, observed), p)


def _mean(metric: str, tables: Mapping[str, Table]) -> float:
    """The mean over runs and targets."""
    return float(np.mean([METRICS[metric].value(table.sum(axis=1)) for table in tables.values()]))


def _drawn_runs(rng: np.random.Generator, of_a: int, of_b: int, *, n: int) -> tuple[Floats, Floats]:
    """The share of each run in each of n resamples: shape (n, runs) for each system."""
    a = rng.multinomial(of_a, np.full(of_a, 1 / of_a), size=n) / of_a
    b = a if of_a == of_b else rng.multinomial(of_b, np.full(of_b, 1 / of_b), size=n) / of_b
    return a, b


def _values(metric: str, table: Table, weights: Floats, shares: NDArray[np.float64]) -> Floats:
    """A system's value in each resample: shape (resamples,)."""
    by_run = np.stack([METRICS[metric].value(weights @ run) for run in table], axis=1)  # (resamples, runs)
    values: Floats = (by_run * shares).sum(axis=1)
    return values
