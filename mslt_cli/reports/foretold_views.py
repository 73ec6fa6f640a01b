"""What runs foretell: how truly, what each language and pair brings, and each single source for each target."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import nan, sqrt

import numpy as np

from mslt_cli.errors import MsltError
from mslt_cli.foretelling.exchange import Gains, weigh_exchanges
from mslt_cli.foretelling.model import LeftOut, ScoreModel
from mslt_cli.foretelling.observations import Floats, equal_shares
from mslt_cli.inference.distributions import NORMAL
from mslt_cli.reports.cells import Cell, Column, Origin, ReportTable, columns_of, count_cell, number_cell
from mslt_cli.reports.charts import Dot, DotChart, HeatChart, HeatMap, Panel, ScatterChart, Spot
from mslt_cli.reports.grid import Grid, Group
from mslt_cli.reports.material import Material
from mslt_cli.reports.score_models import alone_note, group_left_out, signal_note, widest_note

SERIES = Column("series", header="task", label=True)
DRAWN = 90
"""Percent, of the intervals in the figure."""
MOST_LISTED = 40
"""Combinations or pairs that a table lists; of more it lists the first, and says how many there are."""
NO_RUNS = "Published numbers hold no scores of single combinations: what runs foretell needs runs."
EFFECTS = (
    "effect: what a combination of {k} gains if the language takes the place of the mean one, on average over all "
    "that may stand beside it; ± is the 95 % interval; runs: those that hold it, of any size. The mean of all "
    "combinations and the effects of its languages and pairs add up to what is foretold of a combination of {k}."
)
PARTS = {1: "all of the data", 2: "half of the data", 3: "a third of the data", 4: "a quarter of the data"}
Rows = list[dict[str, Cell]]


def check_foretelling(material: Material) -> tuple[ReportTable, ...]:
    """Predicted against measured, each combination left out in turn; and how often intervals hold."""
    inside = [Column(f"inside_{level}", right=True, header=f"in {level} %") for level in NORMAL]
    columns = [SERIES, *columns_of("n", "spearman", "rmse", right=True)]
    columns += [Column("noise", right=True, header="by noise alone"), Column("sd", right=True, header="sd of scores")]
    title = "How truly runs foretell combinations that they do not hold"
    table = ReportTable("foretold", title, [*columns, *inside])
    columns = [SERIES, Column("languages", label=True), *columns_of("predicted", "measured", "error", right=True)]
    further = ReportTable("foretold_each", "Each combination, foretold by the runs of all others", columns)
    panels = []
    for group, model in _models(material, table):
        left_out = group_left_out(model, group)
        if left_out is None:
            table.notes.append(f"{group.grid.label}: too few runs to tell how truly they foretell others.")
            continue
        table.rows.append(_truth_row(group, model, left_out))
        rows, spots = _left_out_rows(group, left_out)
        further.rows += rows[:MOST_LISTED]
        if len(rows) > MOST_LISTED:
            further.notes.append(f"{group.grid.label}: the first {MOST_LISTED} of {len(rows)} are listed.")
        panels.append((group.grid.label, spots))
        further_notes = filter(None, [signal_note(group), widest_note(model, group), alone_note(model, group)])
        table.notes += [*material.grid_notes(group.grid), *further_notes]
    if table.rows:
        table.notes.append(
            "Each combination is foretold by the runs of all others, of any size. rmse: points between foretold "
            "and measured; by noise alone: what it would be if the true scores were known; in 50 %: share of the "
            "measured means that lie in their 50 % interval."
        )
        further.notes.append("± is the 90 % interval of the mean of as many runs as were measured.")
    table.chart = ScatterChart("measured, %", f"foretold, %, with {DRAWN} % intervals", panels) if panels else None
    return (table, further) if further.rows else (table,)


def _models(material: Material, table: ReportTable) -> Iterator[tuple[Group, ScoreModel]]:
    """The combinations of each grid, with the model of all its runs; why there is none is noted."""
    for group in material.groups(table):
        if (model := _model(material, group.grid, table)) is not None:
            yield group, model
    if not material.grids:
        table.notes.append(NO_RUNS)


def _model(material: Material, grid: Grid, table: ReportTable, languages: Sequence[str] = ()) -> ScoreModel | None:
    try:
        return material.score_model(grid, languages)
    except MsltError as error:  # of one grid of several
        table.notes.append(f"{grid.label}: {error}")
        return None


def _truth_row(group: Group, model: ScoreModel, left_out: LeftOut) -> dict[str, Cell]:
    source = f"the model of {len(model.observations.draws)} runs, each combination left out in turn"
    design = group.design
    noise = 100 * sqrt(design.run.square * float((1 / design.seeds).mean())) if design.knows_noise else nan
    row = {
        "series": group.grid.name_cell,
        "n": count_cell(len(left_out.measured)),
        "spearman": number_cell(left_out.rho, "+.2f", source),
        "rmse": number_cell(left_out.rmse, ".2f", source),
        "noise": number_cell(noise, ".2f", "from the seeds of each combination"),
        "sd": number_cell(100 * (group.sd or 0.0), ".2f", "over the measured means"),
    }
    errors, n = np.abs(left_out.predicted - left_out.measured), len(left_out.measured)
    for level, reach in NORMAL.items():
        held = int((errors <= reach * left_out.sd).sum())
        text = f"{100 * held / n:.0f} % ({held})"
        row[f"inside_{level}"] = Cell(held / n, text, "computed", source, {"held": held, "of": n})
    return row


def _left_out_rows(group: Group, left_out: LeftOut) -> tuple[Rows, list[Spot]]:
    """A row and a point in the figure for each combination, those that are foretold to be best first."""
    rows, spots = [], []
    values = zip(group.trained.values(), 100 * left_out.predicted, 100 * left_out.sd, strict=True)
    for trained, predicted, sd in sorted(values, key=lambda one: (-one[1], one[0].languages)):
        named, reach = group.grid.named(trained.languages), NORMAL[DRAWN] * sd
        measured, source = 100 * trained.mean, "foretold by the runs of all other combinations"
        interval = {"low": predicted - reach, "high": predicted + reach, "sd": sd}
        rows.append(
            {
                "series": group.grid.name_cell,
                "languages": Cell(named, named),
                "predicted": Cell(predicted, f"{predicted:.2f} ±{reach:.1f}", "computed", source, interval),
                "measured": group.grid.cell(trained, named),
                "error": number_cell(predicted - measured, "+.2f", "foretold less measured, points"),
            }
        )
        spots.append(Spot(named, measured, predicted, predicted - reach, predicted + reach))
    return rows, spots


def weigh_languages(material: Material) -> tuple[ReportTable, ...]:
    """What each language brings to a combination of k, against the mean language; and each pair beyond that."""
    k = material.request.k
    part = PARTS.get(k, f"1/{k} of the data")
    columns = [SERIES, Column("language", label=True), *columns_of("effect", "runs", right=True)]
    table = ReportTable("languages", f"What a language brings at {part}, against the mean language, points", columns)
    columns = [SERIES, Column("pair", label=True), *columns_of("effect", "runs", right=True)]
    pairs = ReportTable("pairs", "What two languages bring together, beyond what each of them does, points", columns)
    panels, pair_panels = [], []
    for grid in material.grids:
        fixed = material.request.include
        pool = sorted({*(material.request.pool or set().union(*grid.trained))}.difference(fixed))
        if not len(fixed) < k < len(pool) + len(fixed):
            why = f"of {len(pool) + len(fixed)} languages none can take another's place in a combination of {k}"
            table.notes.append(f"{grid.label}: {why}. Choose another -k, or more languages by --pool.")
        elif (model := _model(material, grid, table, fixed)) is not None:
            place = {code: i for i, code in enumerate(model.observations.languages)}
            gains = weigh_exchanges(model, k, [place[x] for x in pool], fixed=[place[x] for x in fixed])
            rows, lines = _gain_rows(grid, "language", [(x,) for x in pool], gains.languages)
            table.rows += rows
            panels.append(Panel(grid.label, lines, marks=[("the mean language", 0.0)]))
            rows, lines = _gain_rows(grid, "pair", [*combinations(pool, 2)], gains.pairs)
            if len(pool) > 3:  # of three there is nothing beyond what each brings
                pairs.rows += rows[:MOST_LISTED]
                pair_panels.append(Panel(grid.label, lines[-MOST_LISTED:], marks=[("the mean pair", 0.0)]))
            table.notes += material.grid_notes(grid, sizes=sorted({len(languages) for languages in grid.trained}))
            group = grid.group(k, material.request.pool, fixed)
            table.notes += [signal_note(group)] if len(group.trained) > 1 else []
    if table.rows:
        table.notes.append(EFFECTS.format(k=k))
        pairs.notes.append("Those of a language sum to 0; ± is the 95 % interval; runs: those that hold both.")
    elif not material.grids:
        table.notes.append(NO_RUNS)
    table.chart = DotChart(f"points at {part}, with 95 % intervals", panels) if panels else None
    pairs.chart = DotChart("points, with 95 % intervals", pair_panels) if pair_panels else None
    return (table, pairs) if pairs.rows else (table,)


def _gain_rows(
    grid: Grid, what: str, members: Sequence[tuple[str, ...]], gains: Gains
) -> tuple[Rows, list[tuple[str, list[Dot]]]]:
    """A row for each language or pair, the highest gain first; and the lines of the figure, from below."""
    rows, lines = [], []
    for i in np.argsort(-gains.mean, kind="stable"):  # none where there are no gains
        mean, low, high = (float(values[i]) for values in gains)
        named, held = grid.named(members[i]), {*members[i]}
        runs = sum(len(one.scores) for languages, one in grid.trained.items() if held <= {*languages})
        text = f"{mean:+.2f} ±{(high - low) / 2:.2f}"
        row = {"series": grid.name_cell, what: Cell(named, named), "runs": count_cell(runs)}
        row["effect"] = Cell(mean, text, "computed", "the model of all runs", {"low": low, "high": high})
        rows.append(row)
        lines.append((named, [Dot("", mean, low, high)]))
    return rows, lines[::-1]


def map_transfer(material: Material) -> tuple[ReportTable, ...]:
    """Single sources × targets: what was measured; and what the model of all runs makes of it."""
    columns = [SERIES, Column("source", label=True)]
    table = ReportTable("transfer", "Score of each single source on each target, measured, %", [*columns])
    shrunken = ReportTable("transfer_foretold", "The same, foretold by the model of all runs, %", [*columns])
    panels = []
    targets = list(dict.fromkeys(target for grid in material.grids for target in grid.targets))
    for grid in material.grids:
        singles = grid.group(1, material.request.pool)
        if not singles.trained:
            table.notes.append(f"{grid.label}: no single source was trained. {material.how_to_train(grid, 1)}")
            continue
        names = [material.code.get(target, target) for target in grid.targets]
        values = [np.mean([*trained.scores.values()], axis=0) for trained in singles.ranked]
        sources = [grid.named(trained.languages) for trained in singles.ranked]
        about = [grid.describe([trained]) for trained in singles.ranked]
        table.rows += _transfer_rows(grid, names, sources, values, about, origin=grid.origin)
        panels.append(_heat_map(f"{grid.label}: measured", names, sources, values))
        table.notes += material.grid_notes(grid, sizes=[1])
        if (model := _model(material, grid, shrunken)) is not None:
            place = {code: i for i, code in enumerate(model.observations.languages)}
            shares = equal_shares([[place[trained.languages[0]]] for trained in singles.ranked], len(place))
            values = [*model.predict(shares).by_target]
            order = np.argsort([-scores.mean() for scores in values], kind="stable")
            sources, values = [sources[i] for i in order], [values[i] for i in order]
            about = [f"the model of {len(model.observations.draws)} runs"] * len(sources)
            shrunken.rows += _transfer_rows(grid, names, sources, values, about, origin="computed")
            panels.append(_heat_map(f"{grid.label}: foretold by the model", names, sources, values))
    further = [Column(material.code.get(target, target), right=True, shaded=True) for target in targets]
    for one in (table, shrunken):
        one.columns += [*further, Column("mean", right=True)]
    if table.rows:
        table.notes.append("Measured: the mean over seeds, with their luck. Sources are sorted by their mean.")
    if shrunken.rows:
        shrunken.notes.append("Foretold: the noise of runs is taken out, and other sizes of the grid have their say.")
    if not material.grids:
        table.notes.append(NO_RUNS)
    table.chart = HeatChart("target language", "source", "score, %", panels) if panels else None
    return (table, shrunken) if shrunken.rows else (table,)


def _transfer_rows(
    grid: Grid,
    targets: Sequence[str],
    sources: Sequence[str],
    values: Sequence[Floats],
    about: Sequence[str],
    *,
    origin: Origin,
) -> Rows:
    rows = []
    for source, scores, said in zip(sources, values, about, strict=True):
        row = {"series": grid.name_cell, "source": Cell(source, source)}
        for target, score in zip([*targets, "mean"], [*scores, scores.mean()], strict=True):
            row[target] = Cell(100 * float(score), f"{100 * score:.1f}", origin, said)
        rows.append(row)
    return rows


def _heat_map(title: str, targets: Sequence[str], sources: Sequence[str], values: Sequence[Floats]) -> HeatMap:
    rows = [[100 * float(score) for score in (*scores, scores.mean())] for scores in values]
    return HeatMap(title, sources, [*targets, "mean"], rows)
