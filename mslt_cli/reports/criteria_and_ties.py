"""What the paper lacks: how well criteria foretell scores, and which combinations can't be told from the best."""

import math
from collections.abc import Sequence

from mslt_cli.errors import MsltError
from mslt_cli.inference.correlation import RankCorrelation, correlate_with_scores, kendall
from mslt_cli.inference.distributions import ALPHA, holm
from mslt_cli.reports.cells import Cell, Column, ReportTable, columns_of, count_cell, number_cell, percent
from mslt_cli.reports.charts import Dot, DotChart, Panel
from mslt_cli.reports.criteria_choices import Choice, choice_cell, choice_notes, criterion_cell
from mslt_cli.reports.grid import Contender, Group
from mslt_cli.reports.material import Material
from mslt_cli.reports.score_models import group_left_out, signal_note

SERIES = Column("series", header="task", label=True)
RUNS = "runs"
"""What the model of the runs is called beside the criteria."""
READ = (
    "regret: points that its choice lies below the best; random does as well: share of combinations that score at "
    "least as much. p: share of the relabellings of the languages under which spearman is as far from 0, for "
    "combinations share languages; Holm: corrected for the number of criteria."
)
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
        Column("spearman", right=True),
        Column("p", right=True),
        Column("p_holm", right=True, header="p, Holm"),
        *columns_of("kendall", "n", right=True),
    ]
    table = ReportTable("criteria", "How well each criterion foretells what combinations score", columns)
    panels = []
    for group in material.groups(table):
        choices = material.choices(group.grid, material.request.include)
        rows = _criterion_rows(material, group, [choice for choice in choices if not choice.problem])
        foretold, why = _foretold_row(material, group)
        rows += foretold
        table.rows += rows
        scores = list(100 * group.means)
        chosen = [(row["criterion"].value, row["score"].value) for row in reversed(rows)]
        lines = [(name, [Dot("its choice", value)]) for name, value in chosen if value is not None]
        marks = [("mean of all", 100 * group.mean), *group.grid.chance.marks(scores)]
        panels.append(Panel(group.grid.label, lines, scores, marks))
        table.notes += [*material.grid_notes(group.grid), *choice_notes(choices), why, signal_note(group)]
    if table.rows:
        table.notes.append(READ)
    elif not material.grids:
        table.notes.append("Published numbers hold no scores of single combinations: correlations need runs.")
    table.chart = DotChart("score, %", panels) if panels else None
    return table


def _criterion_rows(material: Material, group: Group, choices: Sequence[Choice]) -> list[dict[str, Cell]]:
    scores = {languages: trained.mean for languages, trained in group.trained.items()}
    found = correlate_with_scores([choice.values for choice in choices], scores, fixed=material.request.include)
    tested = [one.p for one in found if not math.isnan(one.p)]
    corrected = iter(holm(tested))
    return [
        _criterion_row(group, choice, one, math.nan if math.isnan(one.p) else next(corrected))
        for choice, one in zip(choices, found, strict=True)
    ]


def _criterion_row(group: Group, choice: Choice, correlation: RankCorrelation, p_holm: float) -> dict[str, Cell]:
    n = sum(languages in choice.values for languages in group.trained)
    source = f"{choice.criterion} ({choice.evidence}) against scores of {n} combinations"
    how = f"{correlation.relabellings:,} relabellings of the languages, {'all' if correlation.exact else 'sampled'}"
    tested = f"{source}; {how}" if correlation.relabellings else f"{source}; a test does not apply"
    named, ties = group.grid.named(choice.most[0]), len(choice.most)
    others = f" +{ties - 1} that tie" if ties > 1 else ""
    score = choice_cell(group, choice, choice.most)
    row = {
        "series": group.grid.name_cell,
        "criterion": criterion_cell(choice.criterion, "computed"),
        "choice": Cell(named, named + others, "computed", choice.evidence, {"tied": ties}),
        "score": score,
        "spearman": number_cell(correlation.spearman, "+.2f", source),
        "p": number_cell(correlation.p, "p", tested),
        "p_holm": number_cell(p_holm, "p", tested),
        "kendall": number_cell(correlation.kendall, "+.2f", source),
        "n": count_cell(n),
    }
    if score.value is not None:
        means = 100 * group.means
        regret, as_good = group.regret(score.value), float((means >= score.value - 1e-9).mean())
        row["regret"] = Cell(regret, f"{regret:.2f}", "computed", "the best trained combination less this one, points")
        row["random"] = Cell(as_good, f"{100 * as_good:.0f} %", "computed", "combinations that score at least as much")
    return row


def _foretold_row(material: Material, group: Group) -> tuple[list[dict[str, Cell]], str]:
    """What the model of the runs foretells, each combination left out in turn, beside the criteria; and what to know.

    It has no p: what is foretold of a combination is made of the scores of the others, and would change with them if
    languages were relabelled, where a criterion is fixed before there are scores.
    """
    label = group.grid.label
    try:
        left_out = group_left_out(material.score_model(group.grid), group)
    except MsltError as error:
        return [], f"{label}: runs are left out as a criterion: {error}"
    if left_out is None:
        return [], f"{label}: runs are left out as a criterion: there are too few to tell."
    predicted = dict(zip(group.trained, map(float, left_out.predicted), strict=True))
    choice = Choice(RUNS, predicted, f"foretold by the runs of all others, out of {len(predicted)}")
    tau = kendall(left_out.predicted, left_out.measured)
    row = _criterion_row(group, choice, RankCorrelation(left_out.rho, tau, math.nan, 0, False), math.nan)
    why = "what the runs of all others foretell of a combination. Made of scores, it has no p; `mslt report foretold`"
    return [row], f"{RUNS}: {why} has more."


def rank_against_best(material: Material) -> ReportTable:
    """All combinations in order, and which of them cannot be told from the best one."""
    columns = [
        SERIES,
        Column("rank", right=True, label=True),
        Column("languages", label=True),
        Column("score", right=True),
        Column("behind", right=True, header="best of the others less this"),
        Column("p", right=True),
        Column("tied"),
        Column("seeds", right=True),
    ]
    table = ReportTable("best", "Which combinations can be told from the best one", columns)
    panels = []
    for group in material.groups(table):
        label, n, contenders = group.grid.label, len(group.trained), group.contenders
        listed = contenders[:MOST_CONTENDERS]
        table.rows += [_contender_row(group, contender) for contender in listed]
        lines = []
        for one in reversed(listed):
            # What is behind the best of the others lies to the left.
            behind, low, high, _ = one.standing
            ends = (None, None) if math.isnan(low) else (-100 * high, -100 * low)
            series = "tied for best" if one.tied else "told from the best"
            lines.append((group.grid.named(one.trained.languages), [Dot(series, -100 * behind, *ends)]))
        panels.append(Panel(label, lines))
        table.notes += [
            *material.grid_notes(group.grid),
            _tied_note(group),
            *([signal_note(group)] if group.design.knows_noise else []),
            *([f"{label}: the first {MOST_CONTENDERS} of {n} are listed."] if n > MOST_CONTENDERS else []),
        ]
    if not material.grids:
        table.notes.append(
            "Published numbers have no scores by language and seed: whether they differ can't be tested."
        )
    table.chart = DotChart("points above the best of the others, with 95 % intervals", panels) if panels else None
    return table


def _tied_note(group: Group) -> str:
    """How many combinations can't be told from the best one, and by which test."""
    label, n, design = group.grid.label, len(group.trained), group.design
    if not design.knows_noise:
        return f"{label}: no combination has two seeds, so none can be told from another. Repeat some with --seed."
    equal = design.p_all_equal()
    test = f"all equal: p {'< 0.001' if equal < 0.001 else f'= {equal:.3f}'}"
    if equal >= ALPHA:
        return f"{label}: the {n} combinations can't be told apart ({test})."
    tied = sum(contender.tied for contender in group.contenders)
    return (
        f"{label}: {tied} of {n} combinations can't be told from the best one ({test}; p of each against the best of "
        "the others: Hsu's comparisons with one noise for all; simultaneous 95 % intervals, which end at 0 where the "
        "sign is sure)."
    )


def _contender_row(group: Group, contender: Contender) -> dict[str, Cell]:
    grid, trained, standing = group.grid, contender.trained, contender.standing
    score, named = group.score_cell(trained), group.grid.named(trained.languages)
    behind, low, high = (100 * x + 0.0 for x in standing[:3])
    known = not math.isnan(low)
    text = f"{behind:+.2f}" + (f" [{low:+.2f}, {high:+.2f}]" if known else "")
    return {
        "series": grid.name_cell,
        "rank": count_cell(score.more["rank"]),
        "languages": Cell(named, named, grid.origin, score.source),
        "score": Cell(score.value, percent(trained.mean), score.origin, score.source),
        "behind": Cell(behind, text, "computed", score.source, {"low": low, "high": high} if known else {}),
        "p": number_cell(standing.p, "p", score.source),
        "tied": Cell(contender.tied, "tied for best" if contender.tied else "", "computed"),
        "seeds": count_cell(len(trained.scores), score.source),
    }
