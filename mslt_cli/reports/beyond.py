"""What the paper lacks and a reader wants: how good criteria are, and which combinations can be told from the best."""

from __future__ import annotations

import math

import numpy as np

from mslt_cli.criteria import CRITERIA
from mslt_cli.reports.cells import Cell, Dot, DotChart, Head, Panel, Table, percent
from mslt_cli.reports.grid import Grid, Trained, contenders
from mslt_cli.reports.material import (
    Choice,
    Material,
    commands_of,
    grid_notes,
    guess,
    origin_of,
    pool_of,
    score_cell,
    source_of,
    whole,
    with_combinations,
)
from mslt_cli.reports.paper_tables import NEAR, chosen_cell, said_of_choices
from mslt_cli.reports.statistics import Correlation, kendall, spearman

MOST_CONTENDERS = 40
"""Combinations that `best` lists; of more it lists the first, and says how many there are."""


def criteria(material: Material) -> Table:
    """How well each criterion orders the combinations that were trained, and what its choice costs."""
    heads = [
        Head("series", "task", right=False, label=True),
        *(Head("criterion", right=False, label=True), Head("choice", right=False)),
        *(Head("score", "score (rank)"), Head("regret"), Head("random", "random does as well")),
        *(Head("spearman"), Head("kendall"), Head("n")),
    ]
    rows: list[dict[str, Cell]] = []
    lines: list[str] = []
    panels = []
    for grid, some in with_combinations(material, lines):
        choices = material.choose(grid, pool_of(material, grid), material.include)
        by_name = {trained.languages: trained for trained in some}
        ranks = dict(zip(by_name, grid.ranks(some), strict=True))
        means = np.array([trained.mean for trained in some])
        marks = []
        for choice in choices:
            if choice.problem:
                continue
            row = _criterion_row(material, grid, choice, by_name, ranks)
            rows.append(row)
            if isinstance(row["score"].value, float):
                marks.append((choice.criterion, (Dot("its choice", row["score"].value),)))
        fixed = [("mean of all", 100 * float(means.mean()))]
        if (chance := guess(material, grid)) is not None and 100 * chance > 100 * means.min() - NEAR:
            fixed.append(("a guess", 100 * chance))
        panels.append(Panel(grid.label, tuple(reversed(marks)), tuple(100 * means), tuple(fixed)))
        lines += [*grid_notes(material, grid), *said_of_choices(choices, [choice.criterion for choice in choices])]
    if rows:
        lines.append(
            "regret: points that its choice lies below the best; random does as well: share of combinations that score "
            "at least as much; correlations of criterion and score over combinations, with 95 % intervals. These "
            "share languages, so the intervals are somewhat too narrow."
        )
    else:
        lines.append("Published numbers hold no scores of single combinations: correlations need runs.")
    chart = DotChart("score, %", tuple(panels)) if panels else None
    title = "How well each criterion foretells what combinations score"
    return Table("criteria", title, tuple(heads), whole(heads, rows), tuple(lines), (), chart, commands_of(material))


def _criterion_row(
    material: Material,
    grid: Grid,
    choice: Choice,
    by_name: dict[tuple[str, ...], Trained],
    ranks: dict[tuple[str, ...], int],
) -> dict[str, Cell]:
    both = [(choice.values[x], trained.mean) for x, trained in by_name.items() if x in choice.values]
    values, means = ([pair[i] for pair in both] for i in (0, 1))
    known = CRITERIA.get(choice.criterion)
    source = f"{choice.criterion} ({choice.evidence}) against scores of {len(both)} combinations"
    named = [material.named(languages) for languages in choice.most]
    others = f" +{len(named) - 1} that tie" if len(named) > 1 else ""
    score = chosen_cell(material, grid, choice, choice.most, by_name, ranks)
    about = f"{known.summary}; {known.source}" if known else ""
    row = {
        "series": Cell(grid.name.key, grid.label, origin_of(grid)),
        "criterion": Cell(choice.criterion, choice.criterion, "computed", about),
        "choice": Cell(named[0], named[0] + others, "computed", choice.evidence, {"tied": len(named)}),
        "score": score,
        "spearman": _correlation(spearman(values, means), source),
        "kendall": _correlation(kendall(values, means), source),
        "n": Cell(len(both), str(len(both)), "computed"),
    }
    if score.value is not None:
        every = 100 * np.array([trained.mean for trained in by_name.values()])
        regret, as_well = float(every.max()) - score.value, float((every >= score.value - 1e-9).mean())
        row["regret"] = Cell(regret, f"{regret:.2f}", "computed", "the best trained combination less this one, points")
        row["random"] = Cell(as_well, f"{100 * as_well:.0f} %", "computed", "combinations that score at least as much")
    return row


def _correlation(found: Correlation, source: str) -> Cell:
    if math.isnan(found.value):
        return Cell(None, "–", "computed", source)
    interval = "" if math.isnan(found.low) else f" [{found.low:+.2f}, {found.high:+.2f}]"
    more = {} if math.isnan(found.low) else {"low": found.low, "high": found.high}
    return Cell(found.value, f"{found.value:+.2f}{interval}", "computed", source, more)


def best(material: Material) -> Table:
    """All combinations in order, and which of them cannot be told from the best one."""
    heads = [
        Head("series", "task", right=False, label=True),
        *(Head("rank", label=True), Head("languages", right=False, label=True), Head("score")),
        *(Head("behind", "best less this"), Head("p", "p, Holm"), Head("tied", right=False), Head("seeds")),
    ]
    rows: list[dict[str, Cell]] = []
    lines: list[str] = []
    panels = []
    for grid, some in with_combinations(material, lines):
        found = contenders(grid, some)
        tied = sum(one.tied for one in found)
        said = []
        for one in found[:MOST_CONTENDERS]:
            trained, named = one.trained, material.named(one.trained.languages)
            source = f"{named}: {source_of(trained.runs, grid)}"
            score = score_cell(grid, trained, one.rank, len(found), material.named)
            d = one.behind
            interval = "" if math.isnan(d.low) or one is found[0] else f" [{100 * d.low:+.2f}, {100 * d.high:+.2f}]"
            more = {} if math.isnan(d.low) else {"low": 100 * d.low, "high": 100 * d.high}
            p = None if math.isnan(one.p_holm) else one.p_holm
            rows.append(
                {
                    "series": Cell(grid.name.key, grid.label, origin_of(grid)),
                    "rank": Cell(one.rank, str(one.rank), "computed"),
                    "languages": Cell(named, named, origin_of(grid), source),
                    "score": Cell(score.value, percent(trained.mean), score.origin, source),
                    "behind": Cell(100 * d.value, f"{100 * d.value:+.2f}{interval}", "computed", source, more),
                    "p": Cell(p, "" if p is None else f"{p:.3f}" if p >= 0.001 else "<0.001", "computed", source),
                    "tied": Cell(one.tied, "tied for best" if one.tied else "", "computed"),
                    "seeds": Cell(len(trained.draws), str(len(trained.draws)), "computed", source),
                }
            )
            low, high = (None, None) if math.isnan(d.low) else (-100 * d.high, -100 * d.low)
            said.append(
                (named, (Dot("tied for best" if one.tied else "told from the best", -100 * d.value, low, high),))
            )
        panels.append(Panel(grid.label, tuple(reversed(said))))
        lines += grid_notes(material, grid)
        lines.append(
            f"{grid.label}: {tied} of {len(found)} combinations can't be told from the best one (paired over targets "
            "and seeds, both taken as samples; p two-sided, Holm's correction, 5 %)."
        )
        if len(found) > MOST_CONTENDERS:
            lines.append(f"{grid.label}: the first {MOST_CONTENDERS} of {len(found)} are listed.")
    if not rows:
        lines.append("Published numbers have no scores by language and seed: whether they differ can't be tested.")
    chart = DotChart("points below the best", tuple(panels)) if panels else None
    title = "Which combinations can be told from the best one"
    return Table("best", title, tuple(heads), whole(heads, rows), tuple(lines), (), chart, commands_of(material))
