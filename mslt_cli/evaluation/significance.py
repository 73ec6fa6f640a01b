"""Whether two systems differ: exact tests, paired bootstraps and seeds, over the tables of metrics.py."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mslt_cli.evaluation.metrics import Floats, Table, metric_value
from mslt_cli.inference.distributions import ALPHA, freedom_of_sum, student_p, student_quantile

TEMPORARY_BYTES = 64_000_000
"""Most memory that the weights of some resamples take."""


@dataclass(frozen=True)
class Difference:
    """The second system less the first."""

    value: float
    """−1..1."""
    low: float
    """95 % interval."""
    high: float
    p: float
    """Two-sided. Of a bootstrap: share of draws with a difference of 0 or of the other sign, doubled."""
    freedom: float | None = None
    """Degrees of freedom of Student's t; None = another test."""


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
    items: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
    resamples: int = 10_000,
) -> Difference:
    """Test the difference of two systems' unweighted means over targets; one target is a mean of its own.

    A resample draws rows, the same ones for both systems. A system's value is the mean over its runs, which are not
    drawn: the result speaks of these runs, and of no others that the same training could give.

    Args:
        a, b: by target; tables of the same rows under one metric, shape (runs, rows, columns).
        items: of the rows, as of `metrics.macro`.
        seed, resamples: of the draws.

    Source:
        Koehn 2004, for the pairing; Efron 1979.
    """
    observed = _mean(b) - _mean(a)
    sizes = {target: table.shape[1] for target, table in a.items()}
    drawn = [
        _resample(b, weights) - _resample(a, weights)
        for weights in target_weights(sizes, items, seed=seed, resamples=resamples)
    ]
    differences = np.concatenate(drawn)
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    p = min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))
    return Difference(observed, *interval(drawn, observed), p)


def compare_seeds(
    a: Mapping[str, Table], b: Mapping[str, Table], *, items: Mapping[str, Sequence[str]] | None = None
) -> Difference:
    """Test whether two systems differ whose runs are samples of the seeds that they could have had.

    The variance of the difference has a part for the seeds of either system, its runs' variance over their number,
    and a part for the rows, that of the difference averaged over runs. What a run does by chance to a row is in both,
    so the test errs on the safe side. The first part has the degrees of freedom of systems that spread alike, as many
    as the fewer runs allow. Seeds are not paired: on our grid two combinations share a tenth of what seeds do, and half
    the degrees of freedom would pay for it (docs/explanation/measured.md).

    Args:
        a, b: by target; tables of the same rows under one metric, shape (runs, rows, columns). A system of one run has
            no luck of seeds: a model as it is.
        items: of the rows, as of `metrics.macro`.

    Source:
        The variance over rows is that of the metric's linear part (Efron 1982, The jackknife, the bootstrap and other
        resampling plans, ch. 6).
    """
    value = _mean(b) - _mean(a)
    by_run = [np.mean([metric_value(runs.sum(axis=1)) for runs in system.values()], axis=0) for system in (a, b)]
    drawn = [runs for runs in by_run if len(runs) > 1]
    spread = sum(float(runs.var(ddof=1)) / len(runs) for runs in drawn)
    parts = [(spread, len(drawn) * (min(map(len, drawn), default=1) - 1))]
    moved = np.concatenate([(_influence(b[target]) - _influence(a[target])) / len(a) for target in a])
    by_item = moved
    if items is not None:
        _, places = np.unique([item for target in a for item in items[target]], return_inverse=True)
        by_item = np.bincount(places, moved)
    others = max(len(by_item) - 1, 1)
    one_answer = 1 / (len(moved) * max(map(len, by_run)))  # rows that all agree could differ in it
    parts.append((max(float(by_item @ by_item) * len(by_item) / others, one_answer**2), others))
    freedom, error = freedom_of_sum(parts, 1), math.sqrt(sum(variance for variance, _ in parts))
    half = student_quantile(1 - ALPHA / 2, freedom) * error
    return Difference(value, value - half, value + half, student_p(value / error, freedom), freedom)


def _influence(runs: Table) -> Floats:
    """How far each row moves the mean over runs of a metric, which is to first order the sum of it: shape (rows,)."""
    sums = runs.sum(axis=1)
    rest = np.maximum(sums[:, 1:].sum(axis=-1), 1)[:, None]  # (runs, 1)
    value = metric_value(sums)[:, None]
    moved: Floats = ((runs.shape[-1] - 1) * runs[..., 0] - value * runs[..., 1:].sum(axis=-1)) / rest
    return np.asarray(moved.mean(axis=0))


def _mean(tables: Mapping[str, Table]) -> float:
    """The mean over runs and targets."""
    return float(np.mean([metric_value(table.sum(axis=1)) for table in tables.values()]))


def _resample(tables: Mapping[str, Table], weights: Mapping[str, Floats]) -> Floats:
    """A system's mean over targets and runs in each resample: shape (resamples,)."""
    values = [np.mean([metric_value(weights[target] @ run) for run in runs], axis=0) for target, runs in tables.items()]
    return np.asarray(np.mean(values, axis=0))


def interval(drawn: Sequence[Floats], value: float) -> tuple[float, float]:
    """The middle 95 % of resampled values, given in pieces; it always holds the value itself."""
    low, high = np.quantile(np.concatenate(drawn), (0.025, 0.975))
    return min(float(low), value), max(float(high), value)


def draw_rows(sizes: Sequence[int], seeds: Sequence[int], resamples: int) -> Iterator[list[Floats]]:
    """How often each row of tables of these sizes is drawn in each resample; each table has a seed of its own.

    Yields:
        For each table, shape (some of the resamples, rows): as many at once as fit into TEMPORARY_BYTES.
    """
    generators = [np.random.default_rng(seed) for seed in seeds]
    at_once = max(1, TEMPORARY_BYTES // (16 * max(*sizes, 1)))
    for start in range(0, resamples, at_once):
        n = min(at_once, resamples - start)
        yield [
            rng.multinomial(rows, np.full(rows, 1 / rows), size=n).astype(np.float64)
            for rng, rows in zip(generators, sizes, strict=True)
        ]


def target_weights(
    sizes: Mapping[str, int], items: Mapping[str, Sequence[str]] | None, *, seed: int, resamples: int
) -> Iterator[dict[str, Floats]]:
    """Weights of the rows of several targets, in pieces as of `draw_rows`, by target.

    Rows of equal items have equal weights; None = each row is an item.
    """
    if items is None:
        seeds = [int(np.random.SeedSequence([seed, i]).generate_state(1)[0]) for i in range(len(sizes))]
        for pieces in draw_rows([*sizes.values()], seeds, resamples):
            yield dict(zip(sizes, pieces, strict=True))
        return
    union = sorted({item for target in sizes for item in items[target]})
    place = {item: i for i, item in enumerate(union)}
    columns = {target: np.array([place[item] for item in items[target]]) for target in sizes}
    for (weights,) in draw_rows([len(union)], [seed], resamples):
        yield {target: weights[:, columns[target]] for target in sizes}
