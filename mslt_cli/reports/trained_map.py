"""What was trained: the score of each combination on each target."""

import numpy as np

from mslt_cli.reports.cells import Cell, Column, ReportTable
from mslt_cli.reports.charts import HeatChart, HeatMap
from mslt_cli.reports.foretold_views import SERIES
from mslt_cli.reports.grid import Grid
from mslt_cli.reports.material import Material
from mslt_cli.results.trained import Trained

NONE = "(none)"
"""The sources of the model as it is."""
MOST_DRAWN = 60
"""Combinations of a grid in the figure; of more it has those of the size that is asked for, or the best of these."""


def map_trained(material: Material) -> ReportTable:
    """Combinations × targets, of all sizes: what was measured, the mean over seeds.

    The cell of a target says how many items it has and the interval over them; the runs and seeds of a row are in the
    cell of its languages.
    """
    targets = list(dict.fromkeys(target for grid in material.grids for target in grid.targets))
    columns = [SERIES, Column("languages", label=True)]
    columns += [Column(material.code.get(target, target), right=True, shaded=True) for target in targets]
    columns += [Column("mean", right=True), Column("runs", right=True)]
    table = ReportTable("trained", "Score of each trained combination on each target, %", columns)
    panels = []
    for grid in material.grids:
        group = {*material.request.pool} or {*grid.code}
        held = {*material.request.include}
        shown = [one for one in grid.trained.values() if held <= {*one.languages} <= group]
        shown.sort(key=lambda one: (-one.mean, one.languages))
        shown += [grid.baseline] if grid.baseline is not None and not held else []
        scores = material.scores_of(grid)
        items = {
            (one.languages, target): [scores[run.run_id, target] for run in one.runs]
            for one in shown
            for target in grid.targets
        }
        for one in shown:
            named = grid.named(one.languages) or NONE
            row = {
                "series": grid.name_cell,
                "languages": Cell(named, named, grid.origin, grid.describe([one])),
                "mean": grid.cell(one, named),
                "runs": Cell(len(one.runs), str(len(one.runs))),
            }
            for target, mean in zip(grid.targets, _means(one), strict=True):
                of_target = items[one.languages, target]
                low, high = (100 * float(np.mean([getattr(x, end) for x in of_target])) for end in ("low", "high"))
                rows = of_target[0].rows
                source = f"{rows:,} items; 95 % interval over them {low:.1f} to {high:.1f}"
                more = {"n": rows, "low": low, "high": high}
                row[material.code.get(target, target)] = Cell(mean, f"{mean:.1f}", grid.origin, source, more)
            table.rows.append(row)
        panels += _panels(material, grid, shown)
        sizes = sorted({len(one.languages) for one in shown} - {0})
        table.notes += material.grid_notes(grid, sizes=sizes)
    if table.rows:
        table.notes.append("Means over seeds, with their luck; the interval is that of one run over its items.")
    elif material.grids:
        table.notes.append("No trained combination holds, and is made of, the languages that are asked for.")
    else:
        table.notes.append("Published numbers hold no scores of single combinations: a map needs runs.")
    table.chart = HeatChart("target language", "sources", "score, %", panels) if panels else None
    return table


def _means(trained: Trained) -> list[float]:
    """On each target, percent."""
    return [100 * float(score) for score in np.mean([*trained.scores.values()], axis=0)]


def _panels(material: Material, grid: Grid, shown: list[Trained]) -> list[HeatMap]:
    """The map of one grid, for a figure."""
    drawn = [one for one in shown if len(one.languages) == material.request.k] if len(shown) > MOST_DRAWN else shown
    drawn = drawn[:MOST_DRAWN]
    if not drawn:
        return []
    columns = [*(material.code.get(target, target) for target in grid.targets), "mean"]
    names = [grid.named(one.languages) or NONE for one in drawn]
    return [HeatMap(grid.label, names, columns, [[*_means(one), 100 * one.mean] for one in drawn])]
