"""What the choice of a combination would have cost: by the model, by the best so far, by each criterion, at random."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mslt_cli.foretelling.observations import LEAST_COMBINATIONS
from mslt_cli.foretelling.replay import replay_choices
from mslt_cli.reports.cells import Cell, Column, ReportTable, plural
from mslt_cli.reports.charts import CurveChart, CurvePoint, Curves
from mslt_cli.reports.criteria_choices import Choice, choice_cell, choice_notes, criterion_cell
from mslt_cli.reports.foretold_views import NO_RUNS, SERIES
from mslt_cli.reports.grid import Group
from mslt_cli.reports.material import Material
from mslt_cli.reports.score_models import signal_note

NUMBERS = (5, 7, 10, 15, 20)
"""Runs after which a combination is chosen, and after all."""
REPLAYS = 8
"""As many as are made in a second or two."""
MIDDLE = (0.1, 0.9)
"""Quantiles over the replays between which the band lies."""
HOW = (
    "Means over {replays} random orders of the runs, one of each combination before any second one; in brackets the "
    "middle 80 % of the orders. The best is the highest mean over all runs of a combination; its luck is in all costs. "
    "A choice is scored by its runs that were not yet taken, or by all where none is left: then the best run so far "
    "profits from its own luck, and is at 0 after all."
)


def replay_regret(material: Material) -> ReportTable:
    """The regret of the choice after each number of runs, and of the choices that need none."""
    table = ReportTable("regret", "What the choice would have cost after so many runs, points below the best", [])
    numbers: set[int] = set()
    panels = []
    for group in material.groups(table):
        label, n = group.grid.label, len(group.trained)
        if n < LEAST_COMBINATIONS:
            few = f"{plural(n, 'combination')} of {material.request.k} cannot be replayed: {LEAST_COMBINATIONS} can."
            table.notes.append(f"{label}: {few} {material.how_to_train(group.grid, material.request.k)}")
            continue
        choices = material.choices(group.grid, material.request.include)
        curves = _replay(material, group)
        levels = _constant_costs(group, choices)
        for how, points in curves.items():
            row = {"series": group.grid.name_cell, "choice": Cell(how, how)}
            table.rows.append(row | {str(point.x): _curve_cell(point, how) for point in points})
            numbers |= {int(point.x) for point in points}
        for name, cell in levels.items():
            table.rows.append({"series": group.grid.name_cell, "choice": criterion_cell(name), "0": cell})
        named = [(criterion_cell(name).text, cell.value) for name, cell in levels.items()]
        panels.append(Curves(label, [*curves.items()], named))
        table.notes += [*material.grid_notes(group.grid), *choice_notes(choices), signal_note(group)]
    table.columns = [SERIES, Column("choice", header="chosen by", label=True)]
    if panels:
        table.columns += [Column(str(n), right=True, header=plural(n, "run")) for n in (0, *sorted(numbers))]
        table.notes.append(HOW.format(replays=REPLAYS))
        table.chart = CurveChart("runs", "points below the best; bands: the middle 80 %", panels)
    elif not material.grids:
        table.notes.append(NO_RUNS)
    return table


def _replay(material: Material, group: Group) -> dict[str, list[CurvePoint]]:
    """The curves of both choices that rest on runs: those of the combinations of the group alone."""
    runs_of_group = [run for trained in group.trained.values() for run in trained.runs]
    observations = material.observe_runs(group.grid, runs_of_group)
    runs = len(observations.draws)
    numbers = sorted({n for n in (*NUMBERS, runs) if n <= runs})
    replays = replay_choices(observations, numbers, replays=REPLAYS)
    return {
        "the model": [_point(one.runs, one.by_model) for one in replays],
        "the best run so far": [_point(one.runs, one.by_best) for one in replays],
    }


def _point(runs: int, costs: NDArray[np.float64]) -> CurvePoint:
    low, high = np.quantile(costs, MIDDLE)
    return CurvePoint(runs, float(costs.mean()), float(low), float(high))


def _curve_cell(point: CurvePoint, how: str) -> Cell:
    low, high = (round(end, 1) + 0.0 for end in (point.low, point.high))  # never "-0.0"
    text = f"{round(point.mean, 2) + 0.0:.2f} [{low:.1f}, {high:.1f}]"
    more = {"low": point.low, "high": point.high}
    return Cell(point.mean, text, "computed", f"chosen by {how} after {plural(int(point.x), 'run')}", more)


def _constant_costs(group: Group, choices: Sequence[Choice]) -> dict[str, Cell]:
    """What the choice of each criterion costs, and of a random combination on average."""
    cells = {one.criterion: choice_cell(group, one, one.most) for one in choices if not one.problem}
    costs = {name: (group.regret(cell.value), cell.source) for name, cell in cells.items() if cell.value is not None}
    costs["random"] = (group.regret(100 * group.mean), "the mean over all trained combinations")
    costs = dict(sorted(costs.items(), key=lambda item: item[1][0]))
    return {name: Cell(cost, f"{cost:.2f}", "computed", source) for name, (cost, source) in costs.items()}
