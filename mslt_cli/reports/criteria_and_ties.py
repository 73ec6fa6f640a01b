"""What the paper lacks: how well criteria foretell scores, and which combinations can't be told from the best."""

import math

from mslt_cli.reports.cells import Cell, Column, ReportTable, columns_of, count_cell, percent
from mslt_cli.reports.charts import Dot, DotChart, Panel, mark_guess
from mslt_cli.reports.criteria_choices import Choice, choice_cell, choice_notes, criterion_cell
from mslt_cli.reports.grid import Contender, Group, compare_with_best
from mslt_cli.reports.material import Material
from mslt_cli.reports.statistics import Estimate, kendall, spearman

SERIES = Column("series", header="task", label=True)
MOST_CONTENDERS = 40
"""Combinations that `best` lists; of more it lists the first, and says how many there are."""


def assess_criteria(material: Material) -> ReportTable:
    """How well each criterion orders the combinations that were trained, and what its choice costs."""
    columns = [
        SERIES,
        Column("criterion", label=True),
        Column("choice"),
        Column("score", right=True, header="score (rank)"),
        Column("regret", right=True),
        Column("random", right=True, header="random does as well"),
        *columns_of("spearman", "kendall", "n", right=True),
    ]
    table = ReportTable("criteria", "How well each criterion foretells what combinations score", columns)
    panels = []
    for group in material.groups(table):
        choices = material.choices(group.grid, material.request.include)
        rows = [_criterion_row(group, choice) for choice in choices if not choice.problem]
        table.rows += rows
        scores = list(100 * group.means)
        chosen = [(row["criterion"].value, row["score"].value) for row in reversed(rows)]
        lines = [(name, [Dot("its choice", value)]) for name, value in chosen if value is not None]
        marks = [("mean of all", 100 * group.mean), *mark_guess(group.grid.guess(), scores)]
        panels.append(Panel(group.grid.label, lines, scores, marks))
        table.notes += [*material.grid_notes(group.grid), *choice_notes(choices)]
    table.notes.append(
        "regret: points that its choice lies below the best; random does as well: share of combinations that score "
        "at least as much; correlations of criterion and score over combinations, with 95 % intervals. These "
        "share languages, so the intervals are somewhat too narrow."
        if table.rows
        else "Published numbers hold no scores of single combinations: correlations need runs."
    )
    table.chart = DotChart("score, %", panels) if panels else None
    return table


def _criterion_row(group: Group, choice: Choice) -> dict[str, Cell]:
    ranked = [trained for languages, trained in group.trained.items() if languages in choice.values]
    values, means = [choice.values[trained.languages] for trained in ranked], [trained.mean for trained in ranked]
    source = f"{choice.criterion} ({choice.evidence}) against scores of {len(ranked)} combinations"
    named, ties = group.grid.named(choice.most[0]), len(choice.most)
    others = f" +{ties - 1} that tie" if ties > 1 else ""
    score = choice_cell(group, choice, choice.most)
    row = {
        "series": group.grid.name_cell,
        "criterion": criterion_cell(choice.criterion, "computed"),
        "choice": Cell(named, named + others, "computed", choice.evidence, {"tied": ties}),
        "score": score,
        "spearman": _estimate_cell(spearman(values, means), source),
        "kendall": _estimate_cell(kendall(values, means), source),
        "n": count_cell(len(ranked)),
    }
    if score.value is not None:
        scores = 100 * group.means
        regret, as_good = float(scores.max()) - score.value, float((scores >= score.value - 1e-9).mean())
        row["regret"] = Cell(regret, f"{regret:.2f}", "computed", "the best trained combination less this one, points")
        row["random"] = Cell(as_good, f"{100 * as_good:.0f} %", "computed", "combinations that score at least as much")
    return row


def _estimate_cell(estimate: Estimate, source: str, *, scale: float = 1, with_interval: bool = True) -> Cell:
    """A correlation or a difference, with its interval where there is one."""
    value, low, high = (scale * x for x in (estimate.value, estimate.low, estimate.high))
    if math.isnan(value):
        return Cell(None, "–", "computed", source)
    more = {} if math.isnan(low) else {"low": low, "high": high}
    interval = f" [{low:+.2f}, {high:+.2f}]" if more and with_interval else ""
    return Cell(value, f"{value:+.2f}{interval}", "computed", source, more)


def rank_against_best(material: Material) -> ReportTable:
    """All combinations in order, and which of them cannot be told from the best one."""
    columns = [
        SERIES,
        Column("rank", right=True, label=True),
        Column("languages", label=True),
        Column("score", right=True),
        Column("behind", right=True, header="best less this"),
        Column("p", right=True, header="p, Holm"),
        Column("tied"),
        Column("seeds", right=True),
    ]
    table = ReportTable("best", "Which combinations can be told from the best one", columns)
    panels = []
    for group in material.groups(table):
        label, n, contenders = group.grid.label, len(group.trained), compare_with_best(group)
        listed = contenders[:MOST_CONTENDERS]
        table.rows += [_contender_row(group, contender) for contender in listed]
        lines = []
        for one in reversed(listed):
            # The axis is points below the best: what is behind lies to the left.
            low, high = (None, None) if math.isnan(one.behind.low) else (-100 * one.behind.high, -100 * one.behind.low)
            series = "tied for best" if one.tied else "told from the best"
            lines.append((group.grid.named(one.trained.languages), [Dot(series, -100 * one.behind.value, low, high)]))
        panels.append(Panel(label, lines))
        table.notes += [
            *material.grid_notes(group.grid),
            f"{label}: {sum(contender.tied for contender in contenders)} of {n} combinations can't be told from the "
            "best one (paired over targets and seeds, both taken as samples; p two-sided, Holm's correction, 5 %).",
            *([f"{label}: the first {MOST_CONTENDERS} of {n} are listed."] if n > MOST_CONTENDERS else []),
        ]
    if not table.rows:
        table.notes.append(
            "Published numbers have no scores by language and seed: whether they differ can't be tested."
        )
    table.chart = DotChart("points below the best", panels) if panels else None
    return table


def _contender_row(group: Group, contender: Contender) -> dict[str, Cell]:
    grid, trained, p = group.grid, contender.trained, contender.p_holm
    score, is_best = group.score_cell(trained), trained is group.ranked[0]
    named = grid.named(trained.languages)
    p_text = "" if math.isnan(p) else f"{p:.3f}" if p >= 0.001 else "<0.001"
    return {
        "series": grid.name_cell,
        "rank": count_cell(score.more["rank"]),
        "languages": Cell(named, named, grid.origin, score.source),
        "score": Cell(score.value, percent(trained.mean), score.origin, score.source),
        "behind": _estimate_cell(contender.behind, score.source, scale=100, with_interval=not is_best),
        "p": Cell(None if math.isnan(p) else p, p_text, "computed", score.source),
        "tied": Cell(contender.tied, "tied for best" if contender.tied else "", "computed"),
        "seeds": count_cell(len(trained.scores), score.source),
    }
