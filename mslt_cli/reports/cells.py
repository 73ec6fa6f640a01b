"""What a report is made of: tables whose every cell says where it comes from."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from mslt_cli.reports.charts import Chart, WhatIf

Origin = Literal["", "published", "measured", "shipped", "computed"]


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


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    """Key of its values in the rows; header in CSV."""
    text: Callable[[Any], str] | str = ""
    """How people read a value: a function, or a format like ".2f". Programs get the value; a Cell has its own text."""
    right: bool = False
    """Whether values are aligned to the right, as numbers are."""
    header: str = ""
    """Header for people, if it is not the name."""
    spare: bool = False
    """Whether a table leaves it out where the terminal is too narrow."""
    label: bool = False
    """Whether it says what a row is. A table with labels that is too wide is cut into blocks, each with the labels."""
    csv_only: bool = False
    """Whether only CSV has it."""
    marks: tuple[int, ...] = ()
    """Numbers of the footnotes that concern the whole column."""
    shaded: bool = False
    """Whether a page colours its cells by their values: darker is higher, one scale for each `series`."""

    def cell(self, row: Mapping[str, Any]) -> Cell:
        """What a row has in it, with its text."""
        value = row[self.name]
        if isinstance(value, Cell):
            return value
        if value is None:
            return Cell()
        return Cell(value, format(value, self.text) if isinstance(self.text, str) else self.text(value))


def columns_of(*names: str, text: Callable[[Any], str] | str = "", right: bool = False) -> list[Column]:
    """Columns that differ in their names alone."""
    return [Column(name, text, right) for name in names]


class Passage(NamedTuple):
    """What a report says in sentences."""

    about: str
    """What it is about: "cldr, e5-small"."""
    paragraphs: tuple[str, ...]
    """The first says most. Commands stand in `backquotes`."""


@dataclass
class ReportTable:
    """One table of a report, and the chart that goes with it."""

    name: str
    """As users ask for it: "table1"."""
    title: str
    columns: list[Column]
    rows: list[Mapping[str, Cell]] = field(default_factory=list)
    """By the key of a column; while a table is made, a row may lack cells."""
    notes: list[str] = field(default_factory=list)
    """What a reader has to know: what was trained, what chance scores, what can be seen."""
    footnotes: list[str] = field(default_factory=list)
    """Numbered from 1, in the order of their first use."""
    chart: Chart | None = None
    commands: tuple[str, ...] = ()
    """Command lines that trained the runs."""
    part: str = ""
    """Of the report: the heading that it stands under."""
    prose: list[Passage] = field(default_factory=list)
    """What is said above the rows."""
    what_if: tuple[WhatIf, ...] = ()
    """What a page ranks combinations by, on targets that its reader chooses."""

    def mark(self, texts: Collection[str]) -> tuple[int, ...]:
        """The numbers of these footnotes."""
        self.footnotes += [text for text in texts if text not in self.footnotes]
        return tuple(self.footnotes.index(text) + 1 for text in texts)


def marked(text: str, marks: Sequence[int]) -> str:
    """A text and the numbers of its footnotes: "48.87 (35) [1]"."""
    return " ".join([text, *(f"[{mark}]" for mark in marks)])


def count_cell(n: int, source: str = "") -> Cell:
    """A number of things."""
    return Cell(n, str(n), "computed", source)


def number_cell(value: float, form: str, source: str) -> Cell:
    """A computed number, of the form "+.2f" or of a p value, "p"; "–" where there is none."""
    if math.isnan(value):
        return Cell(None, "–", "computed", source)
    if form == "p":
        return Cell(value, f"{value:.3f}" if value >= 0.001 else "<0.001", "computed", source)
    return Cell(value, format(value, form), "computed", source)


def plural(n: int, noun: str) -> str:
    """ "1 run", "35 runs"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def percent(share: float) -> str:
    """0..1 → "65.48"."""
    return f"{100 * share:.2f}"
