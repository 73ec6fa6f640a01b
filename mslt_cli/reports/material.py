"""What the views of a report are made from: published cells, grids of runs, probes, and what the criteria choose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mslt_cli.evaluation.metrics import Z
from mslt_cli.reports.cells import NONE, Cell, Head, Origin, percent
from mslt_cli.reports.grid import Combination, Grid, Trained, complete, draw_of, seeds_said
from mslt_cli.reports.statistics import detectable
from mslt_cli.store.probes import StoredProbe
from mslt_cli.store.results import Published
from mslt_cli.store.runs import StoredRun

PAPER_K = 3
"""Languages in the combinations of its tables."""
MOST_RUNS_NAMED = 6
"""Runs whose ids a cell's source lists; of more it says how many."""


@dataclass(frozen=True)
class Choice:
    """What a criterion makes of the combinations of a pool, by `select`."""

    criterion: str
    most: tuple[Combination, ...]
    """The one with the highest value, ISO 639-3; all of them where several tie, in the order of codes."""
    least: tuple[Combination, ...]
    """The one with the lowest value, likewise."""
    values: Mapping[Combination, float]
    """Of all combinations."""
    evidence: str
    """What it read: "syntax_knn (lang2vec 1.1.2)"."""
    problem: str = ""
    """Why there is none: what is missing, and the command that gets it."""

    def of(self, least: bool) -> tuple[Combination, ...]:
        """Those at one end."""
        return self.least if least else self.most


@dataclass(frozen=True)
class Material:
    """All that views take."""

    published: Sequence[Published]
    inconsistencies: Sequence[Mapping[str, Any]]
    grids: Sequence[Grid]
    probes: Sequence[StoredProbe]
    choose: Callable[[Grid, Sequence[str], Sequence[str]], Sequence[Choice]]
    """Takes a grid, a pool and what every combination holds (ISO 639-3); gives the choices of all criteria."""
    code: Mapping[str, str]
    """ISO 639-3 → how the user reads it."""
    script: Mapping[str, str]
    """ISO 639-3 → ISO 15924."""
    chance: Mapping[str, float]
    """What a guess scores, 0..1, by task; none where no guess is sensible."""
    items: Mapping[str, Sequence[int]]
    """Test items of each of the paper's targets, by task; none where scores are not over items, or sizes not known."""
    k: int = 3
    top: int = 5
    include: tuple[str, ...] = ()
    """ISO 639-3."""
    pool: tuple[str, ...] = ()
    """ISO 639-3; empty = all that grids were trained on."""

    def named(self, languages: Sequence[str]) -> str:
        """ "ar,de,zh"."""
        return ",".join(sorted(self.code.get(language, language) for language in languages))

    def trained(self, grid: Grid, include: Sequence[str] = ()) -> list[Trained]:
        """The grid's combinations that a view of one size is about."""
        return grid.of_size(self.k, self.pool, include or self.include)

    def of_paper(self, table: int) -> list[Published]:
        """The printed cells of a table; none where what is asked for is not what the paper prints."""
        asked = self.asks_for_printed(table == 2)
        return [row for row in self.published if row.paper_table == table] if asked else []

    def asks_for_printed(self, with_english: bool) -> bool:
        """Whether the paper prints what is asked for: three languages out of its seven, in Table 2 with English."""
        return self.k == PAPER_K and not self.pool and self.include in ((), *([("eng",)] if with_english else []))

    def footnotes(self, table: int, task: str) -> list[str]:
        """What does not fit together in a published table."""
        return [i["text"] for i in self.inconsistencies if table in i["tables"] and i["task"] in ("", task)]


def origin_of(grid: Grid) -> Origin:
    """Whose runs."""
    return "measured" if grid.about.origin == "own" else "shipped"


def source_of(runs: Sequence[StoredRun], grid: Grid) -> str:
    """Where a measured number comes from."""
    ids = ", ".join(run.run_id for run in runs[:MOST_RUNS_NAMED])
    newest = max(runs, key=lambda run: run.finished_at)
    named = ids if len(runs) <= MOST_RUNS_NAMED else f"{len(runs)}, the newest {newest.run_id}"
    seeds = seeds_said(draw_of(run) for run in runs)
    low, high = grid.rows
    rows = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    dates = sorted({run.finished_at[:10] for run in runs})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    versions = ", ".join(sorted({run.mslt_version for run in runs}))
    about = grid.about
    return (
        f"{about.metric} on {about.task} {about.split}, mean over {len(grid.targets)} targets of {rows} rows; "
        f"runs {named}; seeds {seeds}; {when}; mslt {versions}"
    )


def score_cell(grid: Grid, trained: Trained, rank: int, out_of: int, code: Callable[[Sequence[str]], str]) -> Cell:
    """A combination's mean and rank: "65.48 (3)"."""
    return Cell(
        round(100 * trained.mean, 10),
        f"{percent(trained.mean)} ({rank})",
        origin_of(grid),
        f"{code(trained.languages)}: {source_of(trained.runs, grid)}",
        {"rank": rank, "out_of": out_of, "languages": code(trained.languages)},
    )


def mean_cell(grid: Grid, some: Sequence[Trained], what: str) -> Cell:
    """The mean over combinations, with their standard deviation: "62.10 ±1.4"."""
    values = np.array([trained.mean for trained in some])
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    text = percent(float(values.mean())) + (f" ±{100 * spread:.1f}" if spread is not None else "")
    runs = [run for trained in some for run in trained.runs]
    return Cell(
        round(100 * float(values.mean()), 10),
        text,
        origin_of(grid),
        f"{what}: {len(some)} combinations; {source_of(runs, grid)}",
        {"combinations": len(some), "sd": None if spread is None else 100 * spread},
    )


def grid_notes(material: Material, grid: Grid, *, sizes: Sequence[int] = (), include: Sequence[str] = ()) -> list[str]:
    """What a reader has to know of a grid: completeness, chance, and what its test data can show.

    Args:
        material: of the report.
        grid: that the view shows.
        sizes: of the combinations that it shows; default: the one that is asked for.
        include: what each of them holds, ISO 639-3; default: what is asked for.
    """
    include = include or material.include
    held = f" with {material.named(include)}" if include else ""
    about, lines = grid.about, []
    budget = " and ".join(f"{n:,}" for n in grid.examples)
    parts = []
    for k in sizes or (material.k,):
        fixed = include if len(include) <= k else ()  # fig4 has smaller ones as well
        some = grid.of_size(k, material.pool, fixed)
        total, whole = complete(len(material.pool or grid.pool(k)), k, len(some), len(fixed))
        said = f"{len(some)} of {total} combinations of {k}{held if fixed else ''} trained"
        parts.append(said + ("" if whole else ": ranks are provisional"))
    seeds = seeds_said(draw for trained in grid.trained.values() for draw in trained.draws)
    whose = "own runs" if about.origin == "own" else "shipped with mslt"
    targets = ", ".join(material.code.get(target, target) for target in grid.targets)
    lines.append(
        f"{grid.label} ({whose}): {about.metric} on {about.split}, %, mean over {targets}; {budget} examples; seeds "
        f"{seeds}; {'; '.join(parts)}."
    )
    low, high = grid.rows
    items = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    said = f"With {items} items × {len(grid.targets)} languages, differences under {100 * grid.detectable():.1f} points"
    said += " can't be seen"
    if (chance := guess(material, grid)) is not None:
        said += f"; a guess scores {percent(chance)}"
    lines.append(said + ".")
    lines += [f"{grid.label}: {note}." for note in grid.notes]
    return lines


def published_notes(material: Material, tasks: Sequence[str]) -> list[str]:
    """What the paper's test data can show at the scores that it prints, and what a guess would score."""
    lines = []
    for task in tasks:
        scores = [row.score_percent for row in material.published if row.task == task and row.paper_table == 1]
        share = float(np.mean([score for score in scores if score is not None])) / 100 if any(scores) else None
        parts = []
        if share is not None and (items := material.items.get(task)):
            halves = [Z * math.sqrt(share * (1 - share) / n) for n in items]
            rows = f"{min(items):,}" + ("" if min(items) == max(items) else f" to {max(items):,}")
            parts.append(
                f"with {rows} items × {len(items)} languages, differences under {100 * detectable(halves):.1f} points "
                "can't be seen"
            )
        if (chance := material.chance.get(task)) is not None:
            parts.append(f"a guess scores {percent(chance)}")
        if parts:
            lines.append(f"{task} (paper): {'; '.join(parts)}.")
    return lines


def guess(material: Material, grid: Grid) -> float | None:
    """What a guess scores, 0..1; None where the metric is not accuracy, or guessing means nothing."""
    return material.chance.get(grid.about.task) if grid.about.metric == "accuracy" else None


def commands_of(material: Material) -> tuple[str, ...]:
    """The command lines that trained the grids' runs, each once."""
    every = [trained for grid in material.grids for trained in grid.trained.values()]
    return tuple(dict.fromkeys(run.command for trained in every for run in trained.runs if run.command))


def pool_of(material: Material, grid: Grid) -> tuple[str, ...]:
    """The languages that a grid's combinations could have been made of, ISO 639-3."""
    return material.pool or grid.pool(material.k)


def with_combinations(
    material: Material, lines: list[str], include: Sequence[str] = ()
) -> Iterator[tuple[Grid, list[Trained]]]:
    """Grids with the combinations that a view of one size is about; of a grid without any, `lines` gets told so."""
    for grid in material.grids:
        if some := material.trained(grid, include):
            yield grid, some
        else:
            lines.append(nothing_trained(material, grid, material.k, include or material.include))


def nothing_trained(material: Material, grid: Grid, k: int, include: Sequence[str]) -> str:
    """What to say of a grid without combinations of that size, and the command that trains them."""
    held = f" with {material.named(include)}" if include else ""
    out_of = f" out of {material.named(material.pool)}" if material.pool else ""
    about = grid.about
    said = f"{grid.label}: no combination of {k}{held}{out_of} was trained."
    if not material.pool and not include:
        said += f" `mslt train --task {about.task} --model {about.model} --all-combinations -k {k}` trains them."
    return said


def whole(heads: Sequence[Head], rows: Sequence[dict[str, Cell]]) -> tuple[dict[str, Cell], ...]:
    """Rows with a cell for every column."""
    return tuple({head.key: row.get(head.key, Cell(None, NONE)) for head in heads} for row in rows)
