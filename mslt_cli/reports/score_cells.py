"""Cells of a report that are not a grid's alone: choices of criteria, and what the paper prints."""

from collections.abc import Sequence
from dataclasses import replace

from mslt_cli.criteria import CRITERIA
from mslt_cli.reports.cells import Cell, Head, Origin, ReportTable, percent
from mslt_cli.reports.criteria_choices import Choice
from mslt_cli.reports.grid import Combination, Group
from mslt_cli.store.results import Published, inconsistencies

LINES = {"min": "worst of all", "max": "best of all", "random": "a random one, on average", "average": "average"}
"""What the lines of a table that are no criterion's are called."""


def choice_cell(group: Group, choice: Choice, chosen: Sequence[Combination]) -> Cell:
    """The score of what a criterion chose: "61.36 (9)"; the mean where several combinations tie, "60.12 (5 tie)"."""
    named, n = group.grid.named(chosen[0]), len(chosen)
    why = f"{choice.criterion} ({choice.evidence}) chooses {named}" + (f" or another of {n} that tie" if n > 1 else "")
    more = {"languages": named, "tied": n}
    of_chosen = Group(group.grid, {x: group.trained[x] for x in chosen if x in group.trained})
    trained = list(of_chosen.trained.values())
    if not trained:
        return Cell(None, "not trained", "computed", why, more)
    if n == 1:
        cell = group.score_cell(trained[0])
        return replace(cell, source=f"{why}. {cell.source}", more={**cell.more, "tied": 1})
    source = f"{why}: the mean over the {len(trained)} of them that were trained. {group.grid.describe(trained)}"
    return Cell(100 * of_chosen.mean, f"{percent(of_chosen.mean)} ({n} tie)", group.grid.origin, source, more)


def printed_head(table: ReportTable, number: int, task: str) -> Head:
    """The column of a task in a table of the paper, with the footnotes on what does not fit together there."""
    return Head(f"{task}.published", f"{task} (paper)", marks=mark_printed(table, number, task))


def mark_printed(table: ReportTable, number: int, task: str = "") -> tuple[int, ...]:
    """The footnotes on what does not fit together in a published table: in all of it, and in the column of a task."""
    return table.mark([i["text"] for i in inconsistencies() if number in i["tables"] and i["task"] in ("", task)])


def published_cell(row: Published) -> Cell:
    """A printed cell: "85.69 (3)", a rank alone, or languages."""
    if row.languages:
        languages = ",".join(row.languages)
        return Cell(languages, languages, "published", row.source)
    more = {} if row.rank is None else {"rank": row.rank, "out_of": row.out_of}
    if row.score_percent is None:
        return Cell(row.rank, str(row.rank), "published", row.source, more)
    rank = f" ({row.rank})" if row.rank is not None else ""
    return Cell(row.score_percent, f"{row.score_percent:.2f}{rank}", "published", row.source, more)


def criterion_cell(name: str, origin: Origin = "") -> Cell:
    """The name of a criterion, or of another line of a table, and what the criterion is."""
    row = CRITERIA.get(name)
    return Cell(name, LINES.get(name, name), origin, f"{row.summary}; {row.source}" if row else "")


def count_cell(n: int, source: str = "") -> Cell:
    """A number of things."""
    return Cell(n, str(n), "computed", source)
