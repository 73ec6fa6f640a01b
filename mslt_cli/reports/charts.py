"""The charts of a report as values, before anyone draws them."""

from collections.abc import Sequence
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
