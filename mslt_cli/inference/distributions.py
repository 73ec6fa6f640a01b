"""Student's and Fisher's distributions, and p values corrected for their number."""

import math
from collections.abc import Sequence

ALPHA = 0.05
NORMAL = {50: 0.6744897501960817, 80: 1.2815515655446004, 90: 1.6448536269514722, 95: 1.959963984540054}
"""By how many standard deviations a normal interval reaches to each side, by the percent of cases that it holds."""
TERMS = 40
"""Pairs of terms of the continued fraction; some ten are enough for what is asked here."""


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


def student_p(t: float, freedom: float) -> float:
    """Two-sided p of Student's t; degrees of freedom need not be whole."""
    return 0.0 if math.isinf(t) else incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def fisher_p(ratio: float, numerator: float, denominator: float) -> float:
    """How often Fisher's F is at least this ratio; degrees of freedom need not be whole.

    Source:
        NIST Digital Library of Mathematical Functions, 8.17.5, as the distribution of F.
    """
    return incomplete_beta(denominator / 2, numerator / 2, denominator / (denominator + numerator * max(ratio, 0.0)))


def student_quantile(probability: float, freedom: float) -> float:
    """The t below which that share of Student's distribution lies; for shares of 0.5 and more."""
    tail = 2 * (1 - probability)
    low, high = 0.0, 1.0
    while student_p(high, freedom) > tail:
        high *= 2
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, freedom) > tail else (low, middle)
    return (low + high) / 2


def freedom_of_sum(parts: Sequence[tuple[float, float]], power: float) -> float:
    """Degrees of freedom of a sum of variances, which are given with their own: a harmonic mean of these.

    A part counts with this power of its share of the sum. With Satterthwaite's power of 2 they are too many where a
    part of one or two degrees of freedom comes out small by chance: lower powers are more careful
    (docs/explanation/measured.md).
    Without a part that varies they are a million.

    Source:
        Satterthwaite 1946, An approximate distribution of estimates of variance components.
    """
    total = sum(variance for variance, _ in parts)
    inverse = sum((variance / total) ** power / freedom for variance, freedom in parts if variance and freedom)
    return min(1e6, 1 / inverse) if inverse else 1e6


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction.

    Source:
        NIST Digital Library of Mathematical Functions, 8.17.22.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # there the fraction of the complement converges faster
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    rest = 0.0
    for m in range(TERMS, -1, -1):  # from its end
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)) if m else 0.0
        rest = odd / (1 + rest)
        rest = even / (1 + rest) if m else rest
    return front / (1 + rest)
