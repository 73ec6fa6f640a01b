"""Cells of a report: scores and means of a grid, choices of criteria, and what the paper prints."""

from collections.abc import Sequence
from dataclasses import replace

from mslt_cli.criteria import CRITERIA
from mslt_cli.reports.cells import Cell, Origin, ReportTable, percent
from mslt_cli.reports.criteria_choices import Choice
from mslt_cli.reports.grid import Combination, Grid, Group, Trained, draw_of, name_range, name_seeds
from mslt_cli.store.results import Published, inconsistencies

MOST_RUNS_NAMED = 6
"""Runs whose ids a cell's source lists; of more it says how many."""
LINES = {"min": "worst of all", "max": "best of all", "random": "a random one, on average", "average": "average"}
"""What the lines of a table that are no criterion's are called."""


def describe_runs(grid: Grid, *combinations: Trained) -> str:
    """Where a number comes from that was measured on these combinations."""
    runs = [run for trained in combinations for run in trained.runs]
    newest = max(runs, key=lambda run: run.finished_at)
    ids = ", ".join(run.run_id for run in runs) if len(runs) <= MOST_RUNS_NAMED else ""
    dates = sorted({run.finished_at[:10] for run in runs})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    versions = ", ".join(sorted({run.mslt_version for run in runs}))
    return (
        f"{grid.about.metric} on {grid.about.task} {grid.about.split}, mean over {len(grid.targets)} targets of "
        f"{name_range(*grid.rows)} rows; runs {ids or f'{len(runs)}, the newest {newest.run_id}'}; "
        f"seeds {name_seeds(draw_of(run) for run in runs)}; {when}; mslt {versions}"
    )


def trained_cell(grid: Grid, trained: Trained, text: str, what: str) -> Cell:
    """The mean score of a combination, in percent, with a text of its own."""
    return Cell(100 * trained.mean, text, grid.origin, f"{what}: {describe_runs(grid, trained)}")


def score_cell(group: Group, trained: Trained) -> Cell:
    """A combination's mean and rank: "65.48 (3)"."""
    rank, named = group.ranks[trained.languages], group.grid.named(trained.languages)
    cell = trained_cell(group.grid, trained, f"{percent(trained.mean)} ({rank})", named)
    more = {"rank": rank, "out_of": len(group.trained), "languages": named}
    return replace(cell, value=round(cell.value, 10), more=more)


def mean_cell(group: Group, what: str) -> Cell:
    """The mean over combinations, with their standard deviation: "62.10 ±1.4"."""
    sd, n = None if group.sd is None else 100 * group.sd, len(group.trained)
    return Cell(
        round(100 * group.mean, 10),
        percent(group.mean) + ("" if sd is None else f" ±{sd:.1f}"),
        group.grid.origin,
        f"{what}: {n} combinations; {describe_runs(group.grid, *group.trained)}",
        {"combinations": n, "sd": sd},
    )


def end_cells(group: Group) -> dict[str, Cell]:
    """The lowest and the highest score of all combinations, and their mean: "min", "max", "random"."""
    return {
        "min": score_cell(group, group.ranked[-1]),
        "max": score_cell(group, group.ranked[0]),
        "random": mean_cell(group, "the mean over all combinations: what a random one scores on average"),
    }


def choice_cell(group: Group, choice: Choice, chosen: Sequence[Combination]) -> Cell:
    """The score of what a criterion chose: "61.36 (9)"; the mean where several combinations tie, "60.12 (5 tie)"."""
    grid, named, n = group.grid, group.grid.named(chosen[0]), len(chosen)
    why = f"{choice.criterion} ({choice.evidence}) chooses {named}" + (f" or another of {n} that tie" if n > 1 else "")
    more = {"languages": named, "tied": n}
    trained = tuple(group.by_languages[x] for x in chosen if x in group.by_languages)
    if not trained:
        return Cell(None, "not trained", "computed", why, more)
    if n == 1:
        cell = score_cell(group, trained[0])
        return replace(cell, source=f"{why}. {cell.source}", more={**cell.more, "tied": 1})
    mean = Group(grid, trained).mean
    how = f"the mean over the {len(trained)} of them that were trained"
    source = f"{why}: {how}. {describe_runs(grid, *trained)}"
    return Cell(100 * mean, f"{percent(mean)} ({n} tie)", grid.origin, source, more)


def published_cell(row: Published) -> Cell:
    """A printed cell: "85.69 (3)", or a rank alone."""
    more = {} if row.rank is None else {"rank": row.rank, "out_of": row.out_of}
    if row.score_percent is None:
        return Cell(row.rank, str(row.rank), "published", row.source, more)
    rank = f" ({row.rank})" if row.rank is not None else ""
    return Cell(row.score_percent, f"{row.score_percent:.2f}{rank}", "published", row.source, more)


def mark_printed(table: ReportTable, number: int, task: str = "") -> tuple[int, ...]:
    """The footnotes on what does not fit together in a published table: in all of it, and in the column of a task."""
    return table.mark([i["text"] for i in inconsistencies() if number in i["tables"] and i["task"] in ("", task)])


def criterion_cell(name: str, origin: Origin = "") -> Cell:
    """The name of a criterion, or of another line of a table, and what the criterion is."""
    row = CRITERIA.get(name)
    return Cell(name, LINES.get(name, name), origin, f"{row.summary}; {row.source}" if row else "")


def series_cell(grid: Grid) -> Cell:
    """The name of a grid, at the head of its lines."""
    return Cell(grid.name.key, grid.label, grid.origin)


def count_cell(n: int, source: str = "") -> Cell:
    """A number of things."""
    return Cell(n, str(n), "computed", source)
