"""The charts of a report as values, before anyone draws them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Dot(NamedTuple):
    """A value in a chart."""

    series: str
    value: float
    low: float | None = None
    high: float | None = None


class Panel(NamedTuple):
    """One field of a chart: a line for each thing, with dots on it."""

    title: str
    lines: Sequence[tuple[str, Sequence[Dot]]]
    every: Sequence[float] = ()
    """Values of all combinations, drawn behind every line."""
    marks: Sequence[tuple[str, float]] = ()
    """Upright lines through the panel: what chance would score, what a random combination does."""


class DotChart(NamedTuple):
    """Dots on lines, in panels beside each other; those of a line may be joined."""

    unit: str
    panels: Sequence[Panel]
    joined: bool = False


class SizePoint(NamedTuple):
    """The n combinations of x sources."""

    x: int
    mean: float
    sd: float
    n: int


class LineChart(NamedTuple):
    """A mean by number of sources, with its spread, for each series."""

    x_unit: str
    unit: str
    series: Sequence[tuple[str, Sequence[SizePoint]]]


class Spot(NamedTuple):
    """One thing in a field of two axes, with the interval of its y."""

    name: str
    x: float
    y: float
    low: float
    high: float


class ScatterChart(NamedTuple):
    """What was foretold against what was measured, with the line where both are equal; a field for each title."""

    x_unit: str
    unit: str
    panels: Sequence[tuple[str, Sequence[Spot]]]


class HeatMap(NamedTuple):
    """One field of a chart: numbers in rows and columns, None where there is none."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]


class HeatChart(NamedTuple):
    """Heat maps below each other, in one scale of colours."""

    x_unit: str
    y_unit: str
    unit: str
    panels: Sequence[HeatMap]


class CurvePoint(NamedTuple):
    """A mean over repetitions, and between which values most of them lie."""

    x: float
    mean: float
    low: float
    high: float


class Curves(NamedTuple):
    """One field of a chart: curves with bands, and level lines."""

    title: str
    series: Sequence[tuple[str, Sequence[CurvePoint]]]
    levels: Sequence[tuple[str, float]]


class CurveChart(NamedTuple):
    """Curves with bands, in fields beside each other."""

    x_unit: str
    unit: str
    panels: Sequence[Curves]


Chart = DotChart | LineChart | ScatterChart | HeatChart | CurveChart


class WhatIf(NamedTuple):
    """What N combinations are foretold to score on T targets: enough to rank them on any of these.

    The mean over a set S of the targets is expected to be the mean of `means` over S, and its variance is
    variance + (1 / |S| − 1 / T) · spread: exactly so in the model of scores.
    """

    label: str
    """For people: "cldr, e5-small"."""
    unit: str
    """What the scores are: "accuracy, %"."""
    names: Mapping[str, str]
    """Code → English name, of all languages in it."""
    targets: Sequence[str]
    combinations: Sequence[Sequence[str]]
    """Codes as the user reads them; shape (N, k)."""
    means: Sequence[Sequence[float]]
    """Percent, shape (N, T)."""
    variance: Sequence[float]
    """Of the mean over all targets, squared points, shape (N,)."""
    spread: Sequence[float]
    """By how much targets differ in it, squared points, shape (N,)."""
    measured: Sequence[str]
    """What was measured on all targets: "62.64 (3 runs)", or empty; shape (N,)."""
    out_of: int
    """How many combinations there are; N may be fewer, then those that may be best and some others."""
