"""Rank correlations, and whether combinations differ: small exact functions over arrays of scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.evaluation.metrics import Z
from mslt_cli.inference.distributions import ALPHA, holm, student_p, student_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A rank correlation, or the difference of two combinations."""

    value: float
    """A correlation is −1..1, and nan where one side is all alike; a difference has the unit of the scores."""
    low: float = math.nan
    """95 % interval; nan where there is too little to go by."""
    high: float = math.nan
    p: float = math.nan
    """Of a difference, two-sided."""


def average_ranks(values: Sequence[float] | Floats) -> Floats:
    """Ranks from 1, lowest first, shape (n,); equal values share the mean of theirs."""
    _, inverse, counts = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def spearman(x: Sequence[float] | Floats, y: Sequence[float] | Floats) -> Estimate:
    """Spearman's ρ: do two sets of values, shape (n,) each, order things alike?

    Source:
        Interval: Bonett and Wright 2000, Sample size requirements for estimating Pearson, Kendall and Spearman
        correlations, eq. 5: Fisher's z with the standard error √((1 + ρ² / 2) / (n − 3)).
    """
    a, b = average_ranks(x), average_ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    value = float(a @ b) / scale if scale else math.nan
    n = len(a)
    return _fisher_interval(value, math.sqrt((1 + value**2 / 2) / (n - 3)) if n > 3 else math.nan)


def kendall(x: Sequence[float] | Floats, y: Sequence[float] | Floats) -> Estimate:
    """Kendall's τ-b: how much more often do two sets of n values order a pair alike than the other way round?

    Source:
        τ-b: Kendall 1945. Interval: Bonett and Wright 2000, eq. 4: Fisher's z with the standard error
        √(0.437 / (n − 4)).
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    n = len(a)
    alike = untied_a = untied_b = 0
    for i in range(1, n):  # a row at a time: n² signs at once would be gigabytes for large grids
        of_a, of_b = np.sign(a[i] - a[:i]), np.sign(b[i] - b[:i])
        alike += int(of_a @ of_b)
        untied_a += int(np.count_nonzero(of_a))
        untied_b += int(np.count_nonzero(of_b))
    value = alike / math.sqrt(untied_a * untied_b) if untied_a and untied_b else math.nan
    return _fisher_interval(value, math.sqrt(0.437 / (n - 4)) if n > 4 else math.nan)


def _fisher_interval(value: float, error: float) -> Estimate:
    """A correlation with its interval, from the standard error of Fisher's z."""
    if math.isnan(value) or math.isnan(error):
        return Estimate(value)
    if abs(value) >= 1 - 1e-12:
        return Estimate(round(value), round(value), round(value))
    z = math.atanh(value)
    return Estimate(value, math.tanh(z - Z * error), math.tanh(z + Z * error))


def paired_difference(a: Mapping[Any, Floats], b: Mapping[Any, Floats], *, interval: bool = True) -> Estimate:
    """One combination's mean less another's, with a test that takes targets and seeds for samples of more.

    What two runs of one seed and target share cancels out. The variance of the mean is that of the means of the
    targets over T, and that of the means of the seeds over S; what is left over counts in both, so the test errs on the
    safe side. With one seed the luck of seeds is not seen. Without common seeds, the means over the seeds are compared.

    Both have, by seed, scores on the same targets, shape (T,). The interval costs fifty times as much as p.

    Source:
        Student 1908, with the degrees of freedom of Satterthwaite 1946; the sum of variances as in Owen 2007, The
        pigeonhole bootstrap, §3.
    """
    common = sorted(set(a) & set(b), key=str)
    if common:
        cells = np.stack([a[seed] - b[seed] for seed in common])  # (S, T)
    else:
        cells = (np.mean(list(a.values()), axis=0) - np.mean(list(b.values()), axis=0))[None, :]
    value = float(cells.mean())
    samples = [means for means in (cells.mean(axis=0), cells.mean(axis=1)) if len(means) > 1]
    if not samples:
        return Estimate(value)
    parts = [float(means.var(ddof=1)) / len(means) for means in samples]
    variance = sum(parts)
    if variance < 1e-24:
        return Estimate(value, value, value, 1.0 if abs(value) < 1e-12 else 0.0)
    freedom = variance**2 / sum(part**2 / (len(means) - 1) for part, means in zip(parts, samples, strict=True))
    error = math.sqrt(variance)
    half = student_quantile(1 - ALPHA / 2, freedom) * error if interval else math.nan
    return Estimate(value, value - half, value + half, student_p(value / error, freedom))


def correct_by_holm(differences: Sequence[Estimate]) -> list[float]:
    """The p of each difference, corrected for their number; nan, and not counted, where there was no test."""
    p = np.array([difference.p for difference in differences])
    is_tested = ~np.isnan(p)
    p[is_tested] = holm(p[is_tested].tolist())
    return [float(x) for x in p]


def detectable_difference(half_widths: Sequence[float] | Floats) -> float:
    """The least difference between two combinations' means over targets that the number of test rows lets one see.

    From the half widths of the 95 % intervals of one combination's scores, a target each, and in their unit: 1.96
    standard errors of the difference of two means that err independently. Pairing can see somewhat less; sentences
    that the targets share make it somewhat more.
    """
    errors = np.asarray(half_widths, np.float64) / Z
    return float(Z * math.sqrt(2) * math.sqrt(float(errors @ errors)) / len(errors))
