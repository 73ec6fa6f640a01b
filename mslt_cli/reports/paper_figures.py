"""The paper's Figures 3, 4 and 5: of what it published, of runs and probes, or of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mslt_cli.reports.cells import Cell, Dot, DotChart, Footnotes, Head, LineChart, Panel, Step, Table, percent
from mslt_cli.reports.material import (
    Material,
    commands_of,
    grid_notes,
    mean_cell,
    nothing_trained,
    origin_of,
    published_notes,
    source_of,
    whole,
    with_combinations,
)
from mslt_cli.reports.paper_tables import criteria_cells, published_cell
from mslt_cli.store.probes import StoredProbe


def fig3(material: Material) -> Table:
    """How mixed the languages are in models and runs, as `mslt probe` measured it."""
    probes = [row for row in material.probes if not row.a]
    if not probes:
        line = "The paper prints Figure 3 as maps, without numbers, and no probes of your own are asked for or stored: "
        line += "`mslt probe MODEL RUN RUN --corpus pud --langs en,ar,id` measures how mixed languages are."
        return Table("fig3", "How far training mixes the languages", (Head("model", right=False),), (), (line,))
    last: dict[tuple[Any, ...], int] = {}
    called: dict[str, set[str]] = {}
    for row in probes:
        called.setdefault(row.label, set()).add(row.weights_sha256)
        key = _same_probe(row)
        last[key] = max(last.get(key, 0), row.layer)
    heads = [
        *(
            Head("model", right=False, label=True),
            Head("metric", right=False, label=True),
            Head("value"),
            Head("low"),
            Head("high"),
        ),
        *(Head("layer"), Head("corpus", right=False), Head("languages", right=False), Head("n", "sentences")),
        *(Head("how", right=False), Head("run_id", "run", right=False)),
    ]
    rows: list[dict[str, Cell]] = []
    panels: dict[str, list[tuple[str, tuple[Dot, ...]]]] = {}
    layers: dict[str, set[int]] = {}
    for row in probes:
        if row.layer != last[_same_probe(row)]:
            continue
        source = f"`mslt probe`, {row.pooling}, layer {row.layer}; mslt {row.mslt_version}, {row.measured_at[:10]}"
        source += f"; run {row.run_id}" if row.run_id else ""
        named = material.named(row.languages)
        label = row.label
        if len(called[label]) > 1:  # two runs of one combination, with other budgets
            label += f" {row.run_id[:6] or row.weights_sha256[:6]}"
        rows.append(
            {
                "model": Cell(row.label, label, "measured", source),
                "metric": Cell(row.metric, row.metric),
                "value": Cell(row.value, f"{row.value:.3f}", "measured", source),
                "low": Cell(row.low, "" if row.low is None else f"{row.low:.3f}", "measured", source),
                "high": Cell(row.high, "" if row.high is None else f"{row.high:.3f}", "measured", source),
                "layer": Cell(row.layer, str(row.layer)),
                "corpus": Cell(row.corpus, f"{row.corpus} {row.split}"),
                "languages": Cell(named, named if len(row.languages) <= 6 else f"{len(row.languages)} languages"),
                "n": Cell(row.n, f"{row.n:,}"),
                "how": Cell(row.pooling, row.pooling),
                "run_id": Cell(row.run_id or None, row.run_id),
            }
        )
        what = f"{row.metric}, {row.n:,} sentences of {row.corpus}, "
        what += named if len(row.languages) <= 6 else f"{len(row.languages)} languages"
        what += f" ({row.pooling})" if row.pooling != "mean" else ""
        panels.setdefault(what, []).append((label, (Dot("", row.value, row.low, row.high),)))
        layers.setdefault(what, set()).add(row.layer)
    titles = {what: f"{what}; layer {' and '.join(map(str, sorted(layers[what])))}" for what in panels}
    chart = DotChart("value", tuple(Panel(titles[what], tuple(reversed(lines))) for what, lines in panels.items()))
    notes = (
        "cka, retrieval: higher = more mixed; langid, centroid: lower = more mixed. 95 % intervals over sentences.",
        "The paper prints Figure 3 as maps; `mslt probe … --out figure3.pdf` draws them.",
    )
    return Table("fig3", "How far training mixes the languages", tuple(heads), whole(heads, rows), notes, (), chart)


def fig4(material: Material) -> Table:
    """Score by number of source languages, under one budget: the mean over combinations, and their spread."""
    heads, series = [Head("k", "source languages", label=True)], []
    lines: list[str] = []
    rows: dict[int, dict[str, Cell]] = {}
    for grid in material.grids:
        sizes = sorted({len(languages) for languages in grid.trained})
        steps = []
        pools = {}
        for k in sizes:
            some = grid.of_size(k, material.pool, material.include)
            if not some:
                continue
            pools[k] = {x for trained in some for x in trained.languages}
            cell = mean_cell(grid, some, f"{k} source languages")
            rows.setdefault(k, {"k": Cell(k, str(k), "computed")})[grid.name.key] = cell
            values = np.array([trained.mean for trained in some])
            spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
            mean = float(values.mean())
            steps.append(Step(k, 100 * mean, 100 * (mean - spread), 100 * (mean + spread), len(some)))
        if not steps:
            lines.append(nothing_trained(material, grid, material.k, material.include))
            continue
        heads.append(Head(grid.name.key, grid.label))
        series.append((grid.label, tuple(steps)))
        lines += grid_notes(material, grid, sizes=list(pools))
        if len({frozenset(pool) for pool in pools.values()}) > 1:
            common = set.intersection(*pools.values())
            hint = (
                f" --pool {material.named(sorted(common))} compares like with like."
                if len(common) >= max(pools)
                else ""
            )
            parts = ", ".join(f"of {k} on {len(pool)}" for k, pool in pools.items())
            lines.append(f"{grid.label}: groups draw on different numbers of languages ({parts}).{hint}")
    if not series:
        lines.append("The paper prints Figure 4 without its numbers: there is nothing published to show.")
    chart = LineChart("source languages", "score, %", tuple(series)) if series else None
    ordered = [rows[k] for k in sorted(rows)]
    title = "Score by number of source languages, under one budget; ± is the spread over combinations"
    return Table("fig4", title, tuple(heads), whole(heads, ordered), tuple(lines), (), chart, commands_of(material))


def fig5(material: Material) -> Table:
    """The best and the worst combination against a single source."""
    notes, panels = Footnotes(), []
    lines: list[str] = []
    heads = [
        *(Head("series", "task", right=False, label=True), Head("worst"), Head("random", "mean of all"), Head("best")),
        *(Head("sslt", "single source"), Head("gap", "best − worst")),
        *([Head("base", "as it is")] if any(grid.baseline for grid in material.grids) else []),
    ]
    rows: list[dict[str, Cell]] = []
    ends = {(row.task, row.method): row for row in material.of_paper(1) if row.method in ("min", "max")}
    for task in dict.fromkeys(task for task, _ in ends):
        low, high = ends[task, "min"], ends[task, "max"]
        marks = notes.mark(material.footnotes(5, ""))
        gap = (high.score_percent or 0) - (low.score_percent or 0)
        rows.append(
            {
                "series": Cell(f"{task}.published", f"{task} (paper)", "published", low.source, {}, marks),
                "worst": published_cell(low),
                "best": published_cell(high),
                "gap": Cell(round(gap, 2), f"{gap:.2f}", "computed", "of the two published numbers"),
            }
        )
    for grid, some in with_combinations(material, lines):
        cells = criteria_cells(material, grid, some, {})
        singles = grid.of_size(1, material.pool)
        english = [trained for trained in singles if trained.languages == ("eng",)]
        single = Cell()
        if english:
            single = Cell(
                *(100 * english[0].mean, f"{percent(english[0].mean)} (en)", origin_of(grid)),
                f"SSLT(en): {source_of(english[0].runs, grid)}",
            )
        elif singles:
            single = mean_cell(grid, singles, "single sources, for English is not among them")
            single = replace(single, text=f"{single.text} (mean of {len(singles)})")
        else:
            lines.append(f"{grid.label}: no single source was trained. `mslt train … --all-combinations -k 1` does.")
        base = Cell()
        if grid.baseline is not None:
            run, mean = grid.baseline
            base = Cell(100 * mean, percent(mean), origin_of(grid), f"without training: {source_of([run], grid)}")
        gap = cells["max"].value - cells["min"].value
        rows.append(
            {
                "series": Cell(grid.name.key, grid.label, origin_of(grid)),
                "worst": cells["min"],
                "random": cells["random"],
                "best": cells["max"],
                "sslt": single,
                "base": base,
                "gap": Cell(gap, f"{gap:.2f}", "computed", "of the two means"),
            }
        )
        lines += grid_notes(material, grid)
    shown = []
    for row in reversed(rows):
        dots = [
            Dot(series, float(row[key].value))
            for series, key in (
                ("worst", "worst"),
                ("mean of all", "random"),
                ("best", "best"),
                ("single source", "sslt"),
                ("as it is", "base"),
            )
            if key in row and isinstance(row[key].value, float)
        ]
        shown.append((row["series"].text, tuple(dots)))
    if shown:
        panels.append(Panel("", tuple(shown)))
    chart = DotChart("score, %", tuple(panels), joined=True) if panels else None
    lines = [*published_notes(material, [task for task, method in ends if method == "min"]), *lines]
    title = f"The best and the worst combination of {material.k} against a single source"
    return Table(
        "fig5", title, tuple(heads), whole(heads, rows), tuple(lines), tuple(notes.texts), chart, commands_of(material)
    )


def _same_probe(row: StoredProbe) -> tuple[Any, ...]:
    """All but the layer."""
    return (row.weights_sha256, row.corpus, row.split, row.languages, row.n, row.pooling, row.metric)
