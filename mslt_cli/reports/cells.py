"""What a report is made of: tables whose every cell says where it comes from, and charts of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Origin = Literal["", "published", "measured", "shipped", "computed"]
NONE = "–"


@dataclass(frozen=True)
class Cell:
    """One cell."""

    value: Any = None
    """For programs: a number (scores in percent), a text, or None where there is none."""
    text: str = ""
    """For people."""
    origin: Origin = ""
    source: str = ""
    """Where the number comes from: the paper's table; runs, seeds, n, version and date; or the criterion."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else programs get: "rank", "out_of", "languages"."""
    marks: tuple[int, ...] = ()
    """Numbers of the footnotes that concern it, from 1."""

    @property
    def marked(self) -> str:
        """The text with its marks: "48.87 (35) [1]"."""
        return marked(self.text, self.marks)


@dataclass(frozen=True)
class Head:
    """A column."""

    key: str
    """In JSON and CSV."""
    text: str = ""
    """In other forms; the key if there is none."""
    right: bool = True
    marks: tuple[int, ...] = ()
    """Numbers of the footnotes that concern all of it, from 1."""
    label: bool = False
    """Whether it says what a row is: a table that is too wide is cut between the others."""

    @property
    def shown(self) -> str:
        return self.text or self.key


@dataclass(frozen=True)
class Dot:
    """A value in a chart."""

    series: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Panel:
    """One field of a chart: a line for each thing, with dots on it."""

    title: str
    lines: tuple[tuple[str, tuple[Dot, ...]], ...]
    every: tuple[float, ...] = ()
    """Values of all combinations, drawn behind every line."""
    marks: tuple[tuple[str, float], ...] = ()
    """Upright lines through the panel: what chance would score, what a random combination does."""


@dataclass(frozen=True)
class DotChart:
    """Dots on lines, in panels beside each other."""

    unit: str
    panels: tuple[Panel, ...]
    joined: bool = False
    """Whether the dots of a line are joined."""


@dataclass(frozen=True)
class SizePoint:
    """The combinations of one size."""

    x: int
    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class LineChart:
    """A mean by number of sources, with its spread, for each series."""

    x_unit: str
    unit: str
    series: tuple[tuple[str, tuple[SizePoint, ...]], ...]


Chart = DotChart | LineChart


@dataclass(frozen=True)
class ReportTable:
    """One table of a report, and the chart that goes with it."""

    name: str
    """As users ask for it: "table1"."""
    title: str
    heads: tuple[Head, ...]
    rows: tuple[Mapping[str, Cell], ...]
    notes: tuple[str, ...] = ()
    """What a reader has to know: what was trained, what chance scores, what can be seen."""
    footnotes: tuple[str, ...] = ()
    """Numbered from 1."""
    chart: Chart | None = None
    commands: tuple[str, ...] = ()
    """Command lines that trained the runs."""


def marked(text: str, marks: Sequence[int]) -> str:
    """A text and the numbers of its footnotes."""
    return " ".join([text, *(f"[{mark}]" for mark in marks)])


class Draft:
    """A table while it is made: its columns and notes, and footnotes numbered as they are first used."""

    def __init__(self, name: str, title: str, *heads: Head) -> None:
        self.name, self.title = name, title
        self.heads = list(heads)
        self.notes: list[str] = []
        self.footnotes: list[str] = []

    def mark(self, texts: Sequence[str]) -> tuple[int, ...]:
        """The numbers of these footnotes."""
        self.footnotes += [text for text in texts if text not in self.footnotes]
        return tuple(self.footnotes.index(text) + 1 for text in texts)

    def finish(self, rows: Iterable[Mapping[str, Cell]], *, chart: Chart | None = None) -> ReportTable:
        """The table; a row without a cell for a column gets a dash there."""
        missing = Cell(None, NONE)
        filled = tuple({head.key: row.get(head.key, missing) for head in self.heads} for row in rows)
        return ReportTable(
            self.name, self.title, tuple(self.heads), filled, tuple(self.notes), tuple(self.footnotes), chart
        )


def percent(share: float) -> str:
    """0..1 → "65.48"."""
    return f"{100 * share:.2f}"
