"""Whether two systems differ: exact tests and paired bootstraps over the tables of metrics.py."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mslt_cli.evaluation.metrics import Floats, Table, interval, metric_value, target_weights


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


def paired_bootstrap(
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
        a, b: by target; tables of the same rows under one metric, shape (runs, rows, columns).
        ids: of the rows, where equal ids in two targets are the same item; see `metrics.macro`.
        seed, resamples: of the draws.

    Source:
        Koehn 2004, for the pairing; Efron 1979.
    """
    runs_a, runs_b = len(next(iter(a.values()))), len(next(iter(b.values())))
    observed = _mean(b) - _mean(a)
    drawn: list[Floats] = []
    rng = np.random.default_rng([seed, 1])  # of the runs; the rows have a stream of their own
    sizes = {target: table.shape[1] for target, table in a.items()}
    for weights in target_weights(sizes, ids, seed=seed, resamples=resamples):
        n = len(next(iter(weights.values())))
        of_a = _draw_runs(rng, runs_a, n)
        of_b = of_a if runs_a == runs_b else _draw_runs(rng, runs_b, n)
        drawn.append(_resample(b, weights, of_b) - _resample(a, weights, of_a))
    differences = np.concatenate(drawn)
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    p = min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))
    return Difference(observed, *interval(drawn, observed), p)


def _mean(tables: Mapping[str, Table]) -> float:
    """The mean over runs and targets."""
    return float(np.mean([metric_value(table.sum(axis=1)) for table in tables.values()]))


def _draw_runs(rng: np.random.Generator, runs: int, n: int) -> Floats:
    """The share of each run in each of n resamples: shape (n, runs)."""
    return rng.multinomial(runs, np.full(runs, 1 / runs), size=n) / runs


def _resample(tables: Mapping[str, Table], weights: Mapping[str, Floats], shares: Floats) -> Floats:
    """A system's mean over targets in each resample: shape (resamples,)."""
    values = []
    for target, table in tables.items():
        by_run = np.stack([metric_value(weights[target] @ run) for run in table], axis=1)  # (resamples, runs)
        values.append((by_run * shares).sum(axis=1))
    return np.asarray(np.mean(values, axis=0))
