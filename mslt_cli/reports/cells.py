"""What a report is made of: tables whose every cell says where it comes from, and charts of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Origin = Literal["", "published", "measured", "shipped", "computed"]
NEAR = 5.0
"""Points below the lowest score within which the line of a guess is drawn: further away it would flatten all else."""


@dataclass(frozen=True)
class Cell:
    """A number or a name, for people and for programs."""

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
        """ "48.87 (35) [1]"."""
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


@dataclass
class ReportTable:
    """One table of a report, and the chart that goes with it."""

    name: str
    """As users ask for it: "table1"."""
    title: str
    heads: list[Head]
    rows: list[Mapping[str, Cell]] = field(default_factory=list)
    """By the key of a column; while a table is made, a row may lack cells."""
    notes: list[str] = field(default_factory=list)
    """What a reader has to know: what was trained, what chance scores, what can be seen."""
    footnotes: list[str] = field(default_factory=list)
    """Numbered from 1, in the order of their first use."""
    chart: DotChart | LineChart | None = None
    commands: tuple[str, ...] = ()
    """Command lines that trained the runs."""

    def mark(self, texts: Collection[str]) -> tuple[int, ...]:
        """The numbers of these footnotes."""
        self.footnotes += [text for text in texts if text not in self.footnotes]
        return tuple(self.footnotes.index(text) + 1 for text in texts)

    def complete(self) -> None:
        """Give a row without a cell for a column a dash there, and say each note once."""
        missing = Cell(None, "–")
        self.rows = [{head.key: row.get(head.key, missing) for head in self.heads} for row in self.rows]
        self.notes = list(dict.fromkeys(self.notes))


def marked(text: str, marks: Sequence[int]) -> str:
    """A text and the numbers of its footnotes."""
    return " ".join([text, *(f"[{mark}]" for mark in marks)])


def mark_guess(guess: float | None, values: Collection[float]) -> list[tuple[str, float]]:
    """The line of a guess (0..1) in a panel with these values (percent), where it is near enough to be drawn."""
    if guess is None or not len(values) or 100 * guess <= min(values) - NEAR:
        return []
    return [("a guess", 100 * guess)]


def count_cell(n: int, source: str = "") -> Cell:
    """A number of things."""
    return Cell(n, str(n), "computed", source)


def percent(share: float) -> str:
    """0..1 → "65.48"."""
    return f"{100 * share:.2f}"
