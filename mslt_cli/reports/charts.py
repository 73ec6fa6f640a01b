"""The charts of a report as values, before anyone draws them."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

NEAR = 5.0
"""Points below the lowest score within which the line of a guess is drawn: further away it would flatten all else."""


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


def mark_guess(guess: float | None, values: Collection[float]) -> list[tuple[str, float]]:
    """The line of a guess (0..1) in a panel with these values (percent), where it is near enough to be drawn."""
    if guess is None or not len(values) or 100 * guess <= min(values) - NEAR:
        return []
    return [("a guess", 100 * guess)]
