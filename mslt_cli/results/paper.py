"""The paper's tables and figures: of its published numbers, of runs, or of both side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mslt_cli.criteria import CRITERIA
from mslt_cli.results.grid import Grid, Trained
from mslt_cli.results.material import (
    Choice,
    Material,
    commands_of,
    grid_notes,
    key_of,
    mean_cell,
    nothing_trained,
    origin_of,
    pool_of,
    published_notes,
    score_cell,
    source_of,
    whole,
)
from mslt_cli.results.tables import (
    Cell,
    Dot,
    DotChart,
    Footnotes,
    Head,
    LineChart,
    Panel,
    Step,
    Table,
    percent,
)
from mslt_cli.store.results import Published

METHODS = ("size", "vocab", "embedding", "l2v-syntax", "l2v-phonology", "l2v-inventory", "l2v-family", "l2v-geography")
"""The criteria of Tables 1 and 2, in their order."""
DIVERSE = ("embedding", "l2v-syntax", "l2v-phonology", "l2v-inventory", "l2v-family", "l2v-geography")
"""Those of Table 6."""
NEAR = 5.0
"""Points below the lowest score within which the line of a guess is drawn: further away it would flatten all else."""
MOST, LEAST = "least-similar", "most-similar"
"""The paper's words for the most and the least diverse combination."""


def table1(material: Material) -> Table:
    """Criteria × tasks: the score of what each criterion chooses, and its rank among all trained combinations."""
    return _criteria_table(
        material, "table1", (), "Score of each criterion's choice, and its rank among all combinations"
    )


def table2(material: Material) -> Table:
    """The same with a language in every combination; the paper prints ranks alone."""
    include = material.include or ("eng",)
    title = f"The same, with {material.named(include)} in every combination"
    return _criteria_table(material, "table2", include, title)


def _criteria_table(material: Material, name: str, include: tuple[str, ...], title: str) -> Table:
    number, notes = int(name[-1]), Footnotes()
    include = include or material.include
    published: list[Published] = [row for row in material.published if row.paper_table == number]
    if material.include not in ((), ("eng",) if number == 2 else ()):
        published = []  # the paper has this table for no other languages
    tasks = list(dict.fromkeys(row.task for row in published))
    heads = [Head("method", "criterion", right=False)]
    heads += [
        Head(f"{task}.published", f"{task} (paper)", marks=notes.mark(material.footnotes(number, task)))
        for task in tasks
    ]
    heads += [Head(key_of(grid), grid.label) for grid in material.grids]
    rows: dict[str, dict[str, Cell]] = {
        method: {"method": _criterion_cell(method)} for method in ("min", *METHODS, "random", "max")
    }
    for row in published:
        rows[row.method][f"{row.task}.published"] = _published_cell(row)
    lines = published_notes(material, tasks) if number == 1 else []
    for grid in material.grids:
        some = material.trained(grid, include)
        if not some:
            lines.append(nothing_trained(material, grid, material.k, include))
            continue
        choices = {choice.criterion: choice for choice in material.choose(grid, pool_of(material, grid), include)}
        for method, cell in _criteria_cells(material, grid, some, choices).items():
            rows[method][key_of(grid)] = cell
        lines += grid_notes(material, grid)
        lines += [choice.problem for choice in choices.values() if choice.problem and choice.criterion in METHODS]
    # A line that nobody has a number for is left out.
    kept = [cells for cells in rows.values() if len(cells) > 1]
    return Table(
        name, title, tuple(heads), whole(heads, kept), tuple(lines), tuple(notes.texts), None, commands_of(material)
    )


def _criteria_cells(
    material: Material, grid: Grid, some: Sequence[Trained], choices: dict[str, Choice]
) -> dict[str, Cell]:
    ranks = dict(zip((trained.languages for trained in some), grid.ranks(some), strict=True))
    by_name = {trained.languages: trained for trained in some}
    ordered = sorted(some, key=lambda trained: (-trained.mean, trained.languages))
    best, worst = ordered[0], ordered[-1]
    cells = {
        "min": score_cell(grid, worst, ranks[worst.languages], len(some), material.named),
        "max": score_cell(grid, best, ranks[best.languages], len(some), material.named),
        "random": mean_cell(grid, some, "the mean over all combinations: what a random one scores on average"),
    }
    for method in METHODS:
        choice = choices.get(method)
        if choice is None or choice.problem:
            continue
        cells[method] = chosen_cell(material, grid, choice, choice.most, by_name, ranks)
    return cells


def chosen_cell(
    material: Material,
    grid: Grid,
    choice: Choice,
    languages: tuple[str, ...],
    by_name: dict[tuple[str, ...], Trained],
    ranks: dict[tuple[str, ...], int],
) -> Cell:
    """The score of what a criterion chose; says so where that was not trained, and where others tie with it."""
    tied = choice.tied[0 if languages == choice.most else 1]
    why = f"{choice.criterion} ({choice.evidence}) chooses {material.named(languages)}"
    why += f", the first of {tied} that tie" if tied > 1 else ""
    trained = by_name.get(languages)
    if trained is None:
        return Cell(None, "not trained", "computed", why, {"languages": material.named(languages)})
    cell = score_cell(grid, trained, ranks[languages], len(ranks), material.named)
    return Cell(cell.value, cell.text, cell.origin, f"{why}. {cell.source}", {**cell.more, "tied": tied})


def table3(material: Material) -> tuple[Table, Table]:
    """The best combinations of each task; and how often each language is in them."""
    notes = Footnotes()
    columns: list[tuple[Head, list[tuple[tuple[str, ...], Cell]]]] = []
    published = [row for row in material.published if row.paper_table == 3]
    for task in dict.fromkeys(row.task for row in published):
        ordered = sorted((row for row in published if row.task == task), key=lambda row: row.rank or 0)
        found = []
        for row in ordered[: material.top]:
            named = ",".join(row.languages)
            found.append((row.languages, Cell(named, named, "published", row.source)))
        marks = notes.mark(material.footnotes(3, task))
        columns.append((Head(f"{task}.published", f"{task} (paper)", right=False, marks=marks), found))
    lines: list[str] = []
    for grid in material.grids:
        some = material.trained(grid)
        if not some:
            lines.append(nothing_trained(material, grid, material.k, material.include))
            continue
        found = []
        ranked = sorted(zip(grid.ranks(some), some, strict=True), key=lambda pair: (pair[0], pair[1].languages))
        for rank, trained in ranked[: material.top]:
            cell = score_cell(grid, trained, rank, len(some), material.named)
            named = material.named(trained.languages)
            more = {"score": cell.value, "rank": rank}
            codes = tuple(material.code.get(x, x) for x in trained.languages)
            found.append((codes, Cell(named, f"{named}  {percent(trained.mean)}", cell.origin, cell.source, more)))
        columns.append((Head(key_of(grid), grid.label, right=False), found))
        lines += grid_notes(material, grid)
    rows = []
    for i in range(max([len(found) for _, found in columns], default=0)):
        of_rank = {"rank": Cell(i + 1, str(i + 1), "computed")}
        rows.append(of_rank | {head.key: found[i][1] for head, found in columns if i < len(found)})
    heads = (Head("rank"), *(head for head, _ in columns))
    title = f"The best {material.top} combinations"
    best = Table(
        "table3", title, heads, whole(heads, rows), tuple(lines), tuple(notes.texts), None, commands_of(material)
    )
    return best, _languages_in(columns, material.top)


def _languages_in(columns: Sequence[tuple[Head, Sequence[tuple[tuple[str, ...], Cell]]]], top: int) -> Table:
    """How often each language is in the best combinations: of the paper's tasks together, and of each column."""
    counts: dict[str, dict[str, int]] = {}
    papers = [head.key for head, _ in columns if head.key.endswith(".published")]
    for head, found in columns:
        for language in (language for languages, _ in found for language in languages):
            counts.setdefault(language, {}).setdefault(head.key, 0)
            counts[language][head.key] += 1
    heads = [Head("language", right=False), *([Head("paper", "paper, all tasks")] if papers else [])]
    heads += [Head(head.key, head.text) for head, _ in columns]
    rows = []
    for language, by_column in counts.items():
        row = {"language": Cell(language, language), "paper": _count(sum(by_column.get(key, 0) for key in papers))}
        rows.append(row | {head.key: _count(by_column.get(head.key, 0)) for head, _ in columns})
    keys = ["paper"] if papers else [head.key for head, _ in columns]
    rows.sort(key=lambda row: (*(-row[key].value for key in keys), row["language"].value))
    return Table(
        "languages", f"How often each language is in the best {top} combinations", tuple(heads), whole(heads, rows)
    )


def _count(n: int) -> Cell:
    return Cell(n, str(n), "computed", "times in the best combinations above")


def table4(material: Material) -> Table:
    """Mean score by the number of distinct writing systems in a combination."""
    notes, lines = Footnotes(), []
    published = [row for row in material.published if row.paper_table == 4]
    tasks = dict.fromkeys(row.task for row in published)
    heads = [Head("scripts", "writing systems")]
    heads += [
        Head(f"{task}.published", f"{task} (paper)", marks=notes.mark(material.footnotes(4, task))) for task in tasks
    ]
    heads += [Head(key_of(grid), grid.label) for grid in material.grids]
    rows: dict[int, dict[str, Cell]] = {}
    for row in published:
        case = int(row.selection[-1])
        rows.setdefault(case, {})[f"{row.task}.published"] = _published_cell(row)
    for grid in material.grids:
        some = material.trained(grid)
        if not some:
            lines.append(nothing_trained(material, grid, material.k, material.include))
            continue
        if unknown := {x for trained in some for x in trained.languages if not material.script.get(x)}:
            lines.append(
                f"The script of {material.named(sorted(unknown))} is not known: combinations with it are left out."
            )
        groups: dict[int, list[Trained]] = {}
        for trained in some:
            if not unknown & set(trained.languages):
                groups.setdefault(len({material.script[x] for x in trained.languages}), []).append(trained)
        for scripts, group in groups.items():
            rows.setdefault(scripts, {})[key_of(grid)] = mean_cell(grid, group, f"{scripts} distinct scripts")
        lines += grid_notes(material, grid)
    for scripts, cells in rows.items():
        cells["scripts"] = Cell(scripts, str(scripts), "computed", "distinct ISO 15924 scripts (data/langs)")
    title = "Mean score by the number of distinct writing systems; ± is the spread over combinations"
    ordered = [rows[scripts] for scripts in sorted(rows)]
    return Table(
        "table4",
        title,
        tuple(heads),
        whole(heads, ordered),
        tuple(lines),
        tuple(notes.texts),
        None,
        commands_of(material),
    )


def table6(material: Material) -> Table:
    """The least against the most diverse combination, by criterion."""
    return _similarity(material, "table6", "The most diverse combination against the least diverse one")


def fig6(material: Material) -> Table:
    """Table 6 as a figure: what diversity gains under each criterion."""
    table = _similarity(material, "fig6", "What the most diverse combination gains over the least diverse one")
    panels = []
    for start in range(1, len(table.heads), 2):
        low, high = table.heads[start : start + 2]
        lines = []
        for row in reversed(table.rows):
            dots = [
                Dot(series, float(row[head.key].value))
                for series, head in (("least diverse", low), ("most diverse", high))
                if isinstance(row[head.key].value, float)
            ]
            lines.append((row["method"].text, tuple(dots)))
        title, task = low.text.removesuffix(": least"), low.key.split(".")[0]
        values = [dot.value for _, dots in lines for dot in dots]
        chance = material.chance.get(task)
        near = chance is not None and values and 100 * chance > min(values) - NEAR
        panels.append(Panel(title, tuple(lines), (), (("a guess", 100 * chance),) if near and chance else ()))
    chart = DotChart("score, %", tuple(panels), joined=True)
    return Table(
        *(table.name, table.title, table.heads, table.rows, table.notes, table.footnotes, chart, table.commands)
    )


def _similarity(material: Material, name: str, title: str) -> Table:
    notes = Footnotes()
    published = [row for row in material.published if row.paper_table == 6]
    heads = [Head("method", "criterion", right=False)]
    rows: dict[str, dict[str, Cell]] = {method: {"method": _criterion_cell(method)} for method in (*DIVERSE, "average")}
    for task in dict.fromkeys(row.task for row in published):
        marks = notes.mark(material.footnotes(6, task))
        heads += [
            Head(f"{task}.{LEAST}", f"{task} (paper): least", marks=marks),
            Head(f"{task}.{MOST}", "most diverse"),
        ]
        for row in published:
            if row.task == task:
                rows[row.method][f"{task}.{row.selection}"] = _published_cell(row)
    lines = published_notes(material, list(dict.fromkeys(row.task for row in published)))
    for grid in material.grids:
        some = material.trained(grid)
        if not some:
            lines.append(nothing_trained(material, grid, material.k, material.include))
            continue
        keys = {least: f"{key_of(grid)}.{LEAST if least else MOST}" for least in (True, False)}
        heads += [Head(keys[True], f"{grid.label}: least"), Head(keys[False], "most diverse")]
        by_name = {trained.languages: trained for trained in some}
        ranks = dict(zip(by_name, grid.ranks(some), strict=True))
        choices = {c.criterion: c for c in material.choose(grid, pool_of(material, grid), material.include)}
        for least, key in keys.items():
            values = []
            for method in DIVERSE:
                choice = choices.get(method)
                if choice is None or choice.problem:
                    continue
                cell = chosen_cell(material, grid, choice, choice.of(least), by_name, ranks)
                rows[method][key] = cell
                values += [cell.value] if cell.value is not None else []
            if values:
                mean = float(np.mean(values))
                rows["average"][key] = Cell(
                    mean, f"{mean:.2f}", "computed", f"mean of the {len(values)} criteria above"
                )
        lines += grid_notes(material, grid)
        lines += [choice.problem for choice in choices.values() if choice.problem and choice.criterion in DIVERSE]
    kept = [cells for cells in rows.values() if len(cells) > 1]
    return Table(
        name, title, tuple(heads), whole(heads, kept), tuple(lines), tuple(notes.texts), None, commands_of(material)
    )


def fig4(material: Material) -> Table:
    """Score by number of source languages, under one budget: the mean over combinations, and their spread."""
    heads, lines, series = [Head("k", "source languages")], [], []
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
            rows.setdefault(k, {"k": Cell(k, str(k), "computed")})[key_of(grid)] = cell
            values = np.array([trained.mean for trained in some])
            spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
            mean = float(values.mean())
            steps.append(Step(k, 100 * mean, 100 * (mean - spread), 100 * (mean + spread), len(some)))
        if not steps:
            lines.append(nothing_trained(material, grid, material.k, material.include))
            continue
        heads.append(Head(key_of(grid), grid.label))
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
    notes, lines, panels = Footnotes(), [], []
    heads = [
        *(Head("series", "task", right=False), Head("worst"), Head("random", "mean of all"), Head("best")),
        *(Head("sslt", "SSLT"), Head("gap", "best − worst")),
        *([Head("base", "as it is")] if any(grid.baseline for grid in material.grids) else []),
    ]
    rows: list[dict[str, Cell]] = []
    ends = {
        (row.task, row.method): row
        for row in material.published
        if row.paper_table == 1 and row.method in ("min", "max") and not material.include
    }
    for task in dict.fromkeys(task for task, _ in ends):
        low, high = ends[task, "min"], ends[task, "max"]
        marks = notes.mark(material.footnotes(5, ""))
        gap = (high.score_percent or 0) - (low.score_percent or 0)
        rows.append(
            {
                "series": Cell(f"{task}.published", f"{task} (paper)", "published", low.source, {}, marks),
                "worst": _published_cell(low),
                "best": _published_cell(high),
                "gap": Cell(round(gap, 2), f"{gap:.2f}", "computed", "of the two published numbers"),
            }
        )
    for grid in material.grids:
        some = material.trained(grid)
        if not some:
            lines.append(nothing_trained(material, grid, material.k, material.include))
            continue
        cells = _criteria_cells(material, grid, some, {})
        singles = grid.of_size(1, material.pool)
        english = [trained for trained in singles if trained.languages == ("eng",)]
        single = Cell()
        if english:
            single = Cell(
                *(100 * english[0].mean, f"{percent(english[0].mean)} (en)", origin_of(grid)),
                f"SSLT(en): {source_of(english[0].runs, grid)}",
            )
        elif singles:
            single = mean_cell(grid, singles, "single sources, for English was not trained")
        else:
            lines.append(f"{grid.label}: no single source was trained. `mslt train … --all-combinations -k 1` does.")
        base = Cell()
        if grid.baseline is not None:
            run, mean = grid.baseline
            base = Cell(100 * mean, percent(mean), origin_of(grid), f"without training: {source_of([run], grid)}")
        gap = cells["max"].value - cells["min"].value
        rows.append(
            {
                "series": Cell(key_of(grid), grid.label, origin_of(grid)),
                "worst": cells["min"],
                "random": cells["random"],
                "best": cells["max"],
                "sslt": single,
                "base": base,
                "gap": Cell(gap, f"{gap:.2f}", "computed", "of the two means"),
            }
        )
        lines += grid_notes(material, grid, sizes=(1, material.k) if singles else (material.k,))
    shown = []
    for row in reversed(rows):
        dots = [
            Dot(series, float(row[key].value))
            for series, key in (
                ("worst", "worst"),
                ("mean of all", "random"),
                ("best", "best"),
                ("SSLT", "sslt"),
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


def fig3(material: Material) -> Table:
    """How mixed the languages are in models and runs, as `mslt probe` measured it."""
    probes = [row for row in material.probes if not row.a]
    if not probes:
        line = "Nothing was probed yet: `mslt probe MODEL RUN RUN --corpus pud --langs en,ar,id` measures it."
        return Table("fig3", "How far training mixes the languages", (Head("model", right=False),), (), (line,))
    last: dict[tuple[Any, ...], int] = {}
    for row in probes:
        key = (row.weights_sha256, row.corpus, row.languages, row.pooling, row.metric)
        last[key] = max(last.get(key, 0), row.layer)
    heads = [
        *(Head("model", right=False), Head("metric", right=False), Head("value"), Head("low"), Head("high")),
        *(Head("layer"), Head("corpus", right=False), Head("languages", right=False), Head("n", "sentences")),
    ]
    rows: list[dict[str, Cell]] = []
    panels: dict[str, list[tuple[str, tuple[Dot, ...]]]] = {}
    for row in probes:
        if row.layer != last[row.weights_sha256, row.corpus, row.languages, row.pooling, row.metric]:
            continue
        source = f"`mslt probe`, {row.pooling}, layer {row.layer}; mslt {row.mslt_version}, {row.measured_at[:10]}"
        source += f"; run {row.run_id}" if row.run_id else ""
        named = material.named(row.languages)
        rows.append(
            {
                "model": Cell(row.label, row.label, "measured", source),
                "metric": Cell(row.metric, row.metric + (f" ({row.pooling})" if row.pooling != "mean" else "")),
                "value": Cell(row.value, f"{row.value:.3f}", "measured", source),
                "low": Cell(row.low, "" if row.low is None else f"{row.low:.3f}", "measured", source),
                "high": Cell(row.high, "" if row.high is None else f"{row.high:.3f}", "measured", source),
                "layer": Cell(row.layer, str(row.layer)),
                "corpus": Cell(row.corpus, f"{row.corpus} {row.split}"),
                "languages": Cell(named, named if len(row.languages) <= 6 else f"{len(row.languages)} languages"),
                "n": Cell(row.n, f"{row.n:,}"),
            }
        )
        what = f"{row.metric}, {row.corpus}, {named if len(row.languages) <= 6 else f'{len(row.languages)} languages'}"
        what += f" ({row.pooling})" if row.pooling != "mean" else ""
        panels.setdefault(what, []).append((row.label, (Dot("", row.value, row.low, row.high),)))
    chart = DotChart("value", tuple(Panel(what, tuple(reversed(lines))) for what, lines in panels.items()))
    notes = (
        "cka, retrieval: higher = more mixed; langid, centroid: lower = more mixed. 95 % intervals over sentences.",
        "The paper prints Figure 3 as maps; `mslt probe … --out figure3.pdf` draws them.",
    )
    return Table("fig3", "How far training mixes the languages", tuple(heads), whole(heads, rows), notes, (), chart)


def _criterion_cell(method: str) -> Cell:
    known = CRITERIA.get(method)
    words = {"min": "worst of all", "max": "best of all", "random": "a random one, on average", "average": "average"}
    return Cell(method, words.get(method, method), "", f"{known.summary}; {known.source}" if known else "")


def _published_cell(row: Published) -> Cell:
    if row.score_percent is None:
        return Cell(row.rank, str(row.rank), "published", row.source, {"rank": row.rank, "out_of": row.out_of})
    rank = f" ({row.rank})" if row.rank is not None else ""
    more = {} if row.rank is None else {"rank": row.rank, "out_of": row.out_of}
    return Cell(row.score_percent, f"{row.score_percent:.2f}{rank}", "published", row.source, more)
