"""The paper's Figures 3, 4 and 5: of what it published, of runs and probes, or of both."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mslt_cli.reports.cells import Cell, Column, ReportTable, columns_of, count_cell
from mslt_cli.reports.charts import Dot, DotChart, LineChart, Panel, SizePoint
from mslt_cli.reports.grid import Grid
from mslt_cli.reports.material import Material, printed_column, published_cell
from mslt_cli.results.trained import name_languages
from mslt_cli.store.measured import StoredProbe

MOST_NAMED = 6
"""Languages of a probe that are named; of more it says how many."""


def fig3(material: Material) -> ReportTable:
    """How mixed the languages are in models and runs, as `mslt probe` measured it."""
    probes = [*map(_say_bias, material.probes())]
    title = "How far training mixes the languages"
    table = ReportTable("fig3", title, [Column("model", label=bool(probes))])
    if not probes:
        table.notes.append(
            "The paper prints Figure 3 as maps, without numbers, and no probes of your own are asked for or stored: "
            "`mslt probe MODEL RUN RUN --corpus pud --langs en,ar,id` measures how mixed languages are."
        )
        return table
    table.columns += [
        Column("metric", label=True),
        *columns_of("value", "low", "high", "layer", right=True),
        *columns_of("corpus", "languages"),
        Column("n", right=True, header="sentences"),
        Column("how"),
        Column("run_id", header="run"),
    ]
    table.notes += [
        "cka, retrieval: higher = more mixed; langid, centroid: lower = more mixed. 95 % intervals over sentences.",
        "The paper prints Figure 3 as maps; `mslt probe … --out figure3.pdf` draws them.",
    ]
    last_layers = {_all_but_layer(row): row.layer for row in sorted(probes, key=lambda row: row.layer)}
    weights = Counter(label for label, _ in {(row.label, row.weights_sha256) for row in probes})
    by_title: dict[str, list[tuple[str, StoredProbe]]] = {}
    for row in (row for row in probes if row.layer == last_layers[_all_but_layer(row)]):
        label = row.label
        if weights[label] > 1:  # two runs of one combination, with other budgets
            label += f" {row.run_id[:6] or row.weights_sha256[:6]}"
        named = name_languages(row.languages, material.code)
        languages = named if len(row.languages) <= MOST_NAMED else f"{len(row.languages)} languages"
        table.rows.append(_probe_row(row, label, Cell(named, languages)))
        title = f"{row.metric}, {row.n:,} sentences of {row.corpus}, {languages}"
        title += f" ({row.pooling})" if row.pooling != "mean" else ""
        by_title.setdefault(title, []).append((label, row))
    panels = []
    for title, shown in by_title.items():
        layers = " and ".join(map(str, sorted({row.layer for _, row in shown})))
        lines = [(label, [Dot("", row.value, row.low, row.high)]) for label, row in reversed(shown)]
        panels.append(Panel(f"{title}; layer {layers}", lines))
    table.chart = DotChart("value", panels)
    return table


def _all_but_layer(row: StoredProbe) -> tuple[Any, ...]:
    return (row.weights_sha256, row.corpus, row.split, row.languages, row.n, row.pooling, row.metric)


def _say_bias(row: StoredProbe) -> StoredProbe:
    """The same with its estimator named: versions before said nothing where CKA was biased, or centroids."""
    said = {"cka": "biased", "centroid": "unbiased"}.get(row.metric, "")  # "debiased" ends in "biased"
    if said in row.pooling:
        return row
    return row._replace(pooling=f"{row.pooling.removesuffix(', debiased')}, biased")


def _probe_row(row: StoredProbe, label: str, languages: Cell) -> dict[str, Cell]:
    source = f"`mslt probe`, {row.pooling}, layer {row.layer}; mslt {row.mslt_version}, {row.measured_at[:10]}"
    source += f"; run {row.run_id}" if row.run_id else ""
    numbers = {"value": row.value, "low": row.low, "high": row.high}
    return {
        "model": Cell(row.label, label, "measured", source),
        "metric": Cell(row.metric, row.metric),
        **{key: Cell(x, "" if x is None else f"{x:.3f}", "measured", source) for key, x in numbers.items()},
        "layer": Cell(row.layer, str(row.layer)),
        "corpus": Cell(row.corpus, f"{row.corpus} {row.split}"),
        "languages": languages,
        "n": Cell(row.n, f"{row.n:,}"),
        "how": Cell(row.pooling, row.pooling),
        "run_id": Cell(row.run_id or None, row.run_id),
    }


def fig4(material: Material) -> ReportTable:
    """Score by number of source languages, under one budget: the mean over combinations, and their spread."""
    title = "Score by number of source languages, under one budget; ± is the spread over combinations"
    table = ReportTable("fig4", title, [Column("k", right=True, header="source languages", label=True)])
    request = material.request
    series = []
    rows: dict[int, dict[str, Cell]] = {}
    for grid in material.grids:
        sizes = sorted({len(languages) for languages in grid.trained})
        by_size = {k: grid.group(k, request.pool, request.include) for k in sizes}
        groups = {k: group for k, group in by_size.items() if group.trained}
        if not groups:
            table.notes.append(material.nothing_trained(grid, request.include))
            continue
        table.columns.append(grid.column)
        points = []
        for k, group in groups.items():
            rows.setdefault(k, {"k": count_cell(k)})[grid.key] = group.mean_cell(f"{k} source languages")
            points.append(SizePoint(k, 100 * group.mean, 100 * (group.sd or 0), len(group.trained)))
        series.append((grid.label, points))
        table.notes += material.grid_notes(grid, sizes=list(groups))
        pools = {k: frozenset().union(*group.trained) for k, group in groups.items()}
        if len(set(pools.values())) > 1:
            common = frozenset.intersection(*pools.values())
            hint = f" --pool {grid.named(common)} compares like with like." if len(common) >= max(pools) else ""
            parts = ", ".join(f"of {k} on {len(pool)}" for k, pool in pools.items())
            table.notes.append(f"{grid.label}: groups draw on different numbers of languages ({parts}).{hint}")
    table.rows += [rows[k] for k in sorted(rows)]
    if series:
        table.chart = LineChart("source languages", "score, % ± spread over combinations", series)
    else:
        table.notes.append("The paper prints Figure 4 without its numbers: there is nothing published to show.")
    return table


FIG5 = {"worst": "worst", "random": "mean of all", "best": "best", "sslt": "single source", "base": "as it is"}
"""The scores of Figure 5, by column."""


def fig5(material: Material) -> ReportTable:
    """The best and the worst combination against a single source."""
    title = f"The best and the worst combination of {material.request.k} against a single source"
    table = ReportTable("fig5", title, [Column("series", header="task", label=True)])
    *scores, untrained = (Column(name, right=True, header=header) for name, header in FIG5.items())
    table.columns += [*scores, Column("gap", right=True, header="best − worst")]
    table.columns += [untrained] if any(grid.baseline for grid in material.grids) else []
    ends = {(row.task, row.method): row for row in material.printed(1) if row.method in ("min", "max")}
    tasks = list(dict.fromkeys(task for task, _ in ends))
    table.notes += material.paper_notes(tasks)
    rows = []
    for task in tasks:
        low, high, column = ends[task, "min"], ends[task, "max"], printed_column(table, 5, task)
        series = Cell(column.name, column.header, "published", low.source, marks=column.marks)
        row = {"series": series, "worst": published_cell(low), "best": published_cell(high)}
        gap = row["best"].value - row["worst"].value
        rows.append(row | {"gap": Cell(round(gap, 2), f"{gap:.2f}", "computed", "of the two published numbers")})
    for group in material.groups(table):
        grid, base, cells = group.grid, group.grid.baseline, group.end_cells()
        gap = cells["max"].value - cells["min"].value
        row = {
            "series": grid.name_cell,
            "worst": cells["min"],
            "random": cells["random"],
            "best": cells["max"],
            "sslt": _single_source_cell(grid, material.request.pool),
            "base": grid.cell(base, "without training") if base else Cell(),
            "gap": Cell(gap, f"{gap:.2f}", "computed", "of the two means"),
        }
        if row["sslt"].value is None:
            hint = "`mslt train … --all-combinations -k 1` does."
            table.notes.append(f"{grid.label}: no single source was trained. {hint}")
        rows.append(row)
        table.notes += material.grid_notes(grid)
    table.rows += rows
    lines = []
    for row in reversed(rows):
        scored = {name: row[key].value for key, name in FIG5.items() if key in row}
        lines.append((row["series"].text, [Dot(name, x) for name, x in scored.items() if x is not None]))
    table.chart = DotChart("score, %", [Panel("", lines)], joined=True) if lines else None
    return table


def _single_source_cell(grid: Grid, pool: Sequence[str]) -> Cell:
    """What training on English alone scores; of all single sources the mean, where English is not among them."""
    singles = grid.group(1, pool)
    if english := singles.trained.get(("eng",)):
        return grid.cell(english, "SSLT(en)", " (en)")
    if not singles.trained:
        return Cell()
    cell = singles.mean_cell("single sources, for English is not among them")
    return replace(cell, text=f"{cell.text} (mean of {len(singles.trained)})")
