"""The paper's tables (and Figure 6, which is Table 6): of its published numbers, of runs, or of both side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from mslt_cli.criteria import CRITERIA
from mslt_cli.reports.cells import (
    Cell,
    Dot,
    DotChart,
    Footnotes,
    Head,
    Panel,
    Table,
    percent,
)
from mslt_cli.reports.grid import Grid, Trained, contenders
from mslt_cli.reports.material import (
    Choice,
    Material,
    commands_of,
    grid_notes,
    mean_cell,
    origin_of,
    pool_of,
    published_notes,
    score_cell,
    source_of,
    whole,
    with_combinations,
)
from mslt_cli.store.results import Published

METHODS = ("size", "vocab", "embedding", "l2v-syntax", "l2v-phonology", "l2v-inventory", "l2v-family", "l2v-geography")
"""The criteria of Tables 1 and 2, in their order."""
DIVERSE = ("embedding", "l2v-syntax", "l2v-phonology", "l2v-inventory", "l2v-family", "l2v-geography")
"""Those of Table 6."""
TIED = "≈ "
"""Marks what can't be told from the best combination."""
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
    published = material.of_paper(number)
    tasks = list(dict.fromkeys(row.task for row in published))
    heads = [Head("method", "criterion", right=False, label=True)]
    heads += [
        Head(f"{task}.published", f"{task} (paper)", marks=notes.mark(material.footnotes(number, task)))
        for task in tasks
    ]
    heads += [Head(grid.name.key, grid.label) for grid in material.grids]
    rows: dict[str, dict[str, Cell]] = {
        method: {"method": _criterion_cell(method)} for method in ("min", *METHODS, "random", "max")
    }
    for row in published:
        rows[row.method][f"{row.task}.published"] = published_cell(row)
    lines = published_notes(material, tasks) if number == 1 else []
    for grid, some in with_combinations(material, lines, include):
        choices = {choice.criterion: choice for choice in material.choose(grid, pool_of(material, grid), include)}
        for method, cell in criteria_cells(material, grid, some, choices).items():
            rows[method][grid.name.key] = cell
        lines += grid_notes(material, grid, include=include)
        lines += said_of_choices(choices.values(), METHODS)
        lines.append(f"{grid.label}: ≈ can't be told from the best one (`mslt report best` has the tests).")
    # A line that nobody has a number for is left out.
    kept = [cells for cells in rows.values() if len(cells) > 1]
    return Table(
        name, title, tuple(heads), whole(heads, kept), tuple(lines), tuple(notes.texts), None, commands_of(material)
    )


def criteria_cells(
    material: Material, grid: Grid, some: Sequence[Trained], choices: dict[str, Choice]
) -> dict[str, Cell]:
    """A grid's column of Table 1: the ends, the mean, and what each criterion's choice scores."""
    ranks = dict(zip((trained.languages for trained in some), grid.ranks(some), strict=True))
    by_name = {trained.languages: trained for trained in some}
    ordered = sorted(some, key=lambda trained: (-trained.mean, trained.languages))
    best, worst = ordered[0], ordered[-1]
    cells = {
        "min": score_cell(grid, worst, ranks[worst.languages], len(some), material.named),
        "max": score_cell(grid, best, ranks[best.languages], len(some), material.named),
        "random": mean_cell(grid, some, "the mean over all combinations: what a random one scores on average"),
    }
    tied = {one.trained.languages for one in contenders(grid, some, intervals=False) if one.tied}
    for method in METHODS:
        choice = choices.get(method)
        if choice is None or choice.problem:
            continue
        cell = chosen_cell(material, grid, choice, choice.most, by_name, ranks)
        if "rank" in cell.more:
            alike = choice.most[0] in tied
            text = (TIED if alike and cell.more["rank"] > 1 else "") + cell.text
            cell = replace(cell, text=text, more={**cell.more, "tied_for_best": alike})
        cells[method] = cell
    return cells


def chosen_cell(
    material: Material,
    grid: Grid,
    choice: Choice,
    chosen: tuple[tuple[str, ...], ...],
    by_name: dict[tuple[str, ...], Trained],
    ranks: dict[tuple[str, ...], int],
) -> Cell:
    """The score of what a criterion chose: "61.36 (9)"; the mean where several combinations tie, "60.12 (5 tie)"."""
    names = [material.named(languages) for languages in chosen]
    why = f"{choice.criterion} ({choice.evidence}) chooses {names[0]}"
    why += f" or another of {len(names)} that tie" if len(names) > 1 else ""
    trained = [by_name[languages] for languages in chosen if languages in by_name]
    if not trained:
        return Cell(None, "not trained", "computed", why, {"languages": names[0], "tied": len(names)})
    if len(chosen) == 1:
        cell = score_cell(grid, trained[0], ranks[chosen[0]], len(ranks), material.named)
        return replace(cell, source=f"{why}. {cell.source}", more={**cell.more, "tied": 1})
    mean = float(np.mean([one.mean for one in trained]))
    runs = [run for one in trained for run in one.runs]
    how = f"the mean over the {len(trained)} of them that were trained"
    return Cell(
        *(100 * mean, f"{percent(mean)} ({len(names)} tie)", origin_of(grid)),
        f"{why}: {how}. {source_of(runs, grid)}",
        {"languages": names[0], "tied": len(names)},
    )


def said_of_choices(choices: Iterable[Choice], criteria: Collection[str]) -> list[str]:
    """Which criteria are left out and why, and of which several combinations tie."""
    mine = [choice for choice in choices if choice.criterion in criteria]
    lines = [choice.problem for choice in mine if choice.problem]
    if tied := [f"{choice.criterion} ({len(choice.most)})" for choice in mine if len(choice.most) > 1]:
        lines.append(f"Several combinations tie under {', '.join(tied)}: the mean over them is shown.")
    return lines


def table3(material: Material) -> tuple[Table, Table]:
    """The best combinations of each task; and how often each language is in them."""
    notes = Footnotes()
    columns: list[tuple[Head, list[tuple[tuple[str, ...], Cell]]]] = []
    published = material.of_paper(3)
    for task in dict.fromkeys(row.task for row in published):
        ordered = sorted((row for row in published if row.task == task), key=lambda row: row.rank or 0)
        found = []
        for row in ordered[: material.top]:
            named = ",".join(row.languages)
            found.append((row.languages, Cell(named, named, "published", row.source)))
        marks = notes.mark(material.footnotes(3, task))
        columns.append((Head(f"{task}.published", f"{task} (paper)", right=False, marks=marks), found))
    lines: list[str] = []
    for grid, some in with_combinations(material, lines):
        found = []
        ranked = sorted(zip(grid.ranks(some), some, strict=True), key=lambda pair: (pair[0], pair[1].languages))
        for rank, trained in ranked[: material.top]:
            cell = score_cell(grid, trained, rank, len(some), material.named)
            named = material.named(trained.languages)
            more = {"score": cell.value, "rank": rank}
            codes = tuple(material.code.get(x, x) for x in trained.languages)
            found.append((codes, Cell(named, f"{named}  {percent(trained.mean)}", cell.origin, cell.source, more)))
        columns.append((Head(grid.name.key, grid.label, right=False), found))
        lines += grid_notes(material, grid)
    rows = []
    for i in range(max([len(found) for _, found in columns], default=0)):
        of_rank = {"rank": Cell(i + 1, str(i + 1), "computed")}
        rows.append(of_rank | {head.key: found[i][1] for head, found in columns if i < len(found)})
    heads = (Head("rank", label=True), *(head for head, _ in columns))
    title = f"The best {len(rows)} combinations"
    best = Table(
        "table3", title, heads, whole(heads, rows), tuple(lines), tuple(notes.texts), None, commands_of(material)
    )
    return best, _languages_in(columns, len(rows))


def _languages_in(columns: Sequence[tuple[Head, Sequence[tuple[tuple[str, ...], Cell]]]], top: int) -> Table:
    """How often each language is in the best combinations: of the paper's tasks together, and of each column."""
    counts: dict[str, dict[str, int]] = {}
    papers = [head.key for head, _ in columns if head.key.endswith(".published")]
    for head, found in columns:
        for language in (language for languages, _ in found for language in languages):
            counts.setdefault(language, {}).setdefault(head.key, 0)
            counts[language][head.key] += 1
    heads = [Head("language", right=False, label=True), *([Head("paper", "paper, all tasks")] if papers else [])]
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
    notes = Footnotes()
    lines: list[str] = []
    published = material.of_paper(4)
    tasks = dict.fromkeys(row.task for row in published)
    heads = [Head("scripts", "writing systems", label=True)]
    heads += [
        Head(f"{task}.published", f"{task} (paper)", marks=notes.mark(material.footnotes(4, task))) for task in tasks
    ]
    heads += [Head(grid.name.key, grid.label) for grid in material.grids]
    rows: dict[int, dict[str, Cell]] = {}
    for row in published:
        case = int(row.selection[-1])
        rows.setdefault(case, {})[f"{row.task}.published"] = published_cell(row)
    for grid, some in with_combinations(material, lines):
        if unknown := {x for trained in some for x in trained.languages if not material.script.get(x)}:
            lines.append(
                f"The script of {material.named(sorted(unknown))} is not known: combinations with it are left out."
            )
        groups: dict[int, list[Trained]] = {}
        for trained in some:
            if not unknown & set(trained.languages):
                groups.setdefault(len({material.script[x] for x in trained.languages}), []).append(trained)
        for scripts, group in groups.items():
            rows.setdefault(scripts, {})[grid.name.key] = mean_cell(grid, group, f"{scripts} distinct scripts")
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
    table = _similarity(material, "fig6", "Points that the most diverse combination gains over the least diverse one")
    pairs = [table.heads[i : i + 2] for i in range(1, len(table.heads), 2)]
    rows, panels = [], []
    heads = [table.heads[0], *(Head(*_of_both(low), marks=low.marks) for low, _ in pairs)]
    for row in table.rows:
        cells = {"method": row["method"]}
        for low, high in pairs:
            ends = [row[head.key] for head in (low, high)]
            key, _ = _of_both(low)
            if all(isinstance(end.value, float) for end in ends):
                gain = float(ends[1].value) - float(ends[0].value)
                source = f"{ends[1].source or 'the most diverse'} less {ends[0].source or 'the least diverse'}"
                more = {"least_diverse": ends[0].value, "most_diverse": ends[1].value}
                cells[key] = Cell(round(gain, 10), f"{gain:+.2f}", "computed", source, more)
        rows.append(cells)
    for low, high in pairs:
        lines = []
        for row in reversed(table.rows):
            both = (("least diverse", row[low.key].value), ("most diverse", row[high.key].value))
            dots = tuple(Dot(series, float(value)) for series, value in both if isinstance(value, float))
            lines.append((row["method"].text, dots))
        values = [dot.value for _, dots in lines for dot in dots]
        key, title = _of_both(low)
        chance = material.chance.get(key.split(".")[0])
        near = chance is not None and values and 100 * chance > min(values) - NEAR
        panels.append(Panel(title, tuple(lines), (), (("a guess", 100 * chance),) if near and chance else ()))
    chart = DotChart("score, %", tuple(panels), joined=True) if panels else None
    return replace(table, heads=tuple(heads), rows=whole(heads, rows), chart=chart)


def _of_both(low: Head) -> tuple[str, str]:
    """Key and text of the column that stands for a pair of Table 6's."""
    return low.key.removesuffix(f".{LEAST}"), low.text.removesuffix(": least")


def _similarity(material: Material, name: str, title: str) -> Table:
    notes = Footnotes()
    published = material.of_paper(6)
    heads = [Head("method", "criterion", right=False, label=True)]
    rows: dict[str, dict[str, Cell]] = {method: {"method": _criterion_cell(method)} for method in (*DIVERSE, "average")}
    for task in dict.fromkeys(row.task for row in published):
        marks = notes.mark(material.footnotes(6, task))
        heads += [
            Head(f"{task}.{LEAST}", f"{task} (paper): least", marks=marks),
            Head(f"{task}.{MOST}", "most diverse"),
        ]
        for row in published:
            if row.task == task:
                rows[row.method][f"{task}.{row.selection}"] = published_cell(row)
    lines = published_notes(material, list(dict.fromkeys(row.task for row in published)))
    for grid, some in with_combinations(material, lines):
        keys = {least: f"{grid.name.key}.{LEAST if least else MOST}" for least in (True, False)}
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
        lines += said_of_choices(choices.values(), DIVERSE)
    kept = [cells for cells in rows.values() if len(cells) > 1]
    return Table(
        name, title, tuple(heads), whole(heads, kept), tuple(lines), tuple(notes.texts), None, commands_of(material)
    )


def _criterion_cell(method: str) -> Cell:
    known = CRITERIA.get(method)
    words = {"min": "worst of all", "max": "best of all", "random": "a random one, on average", "average": "average"}
    return Cell(method, words.get(method, method), "", f"{known.summary}; {known.source}" if known else "")


def published_cell(row: Published) -> Cell:
    """A printed cell: "85.69 (3)", or a rank alone."""
    if row.score_percent is None:
        return Cell(row.rank, str(row.rank), "published", row.source, {"rank": row.rank, "out_of": row.out_of})
    rank = f" ({row.rank})" if row.rank is not None else ""
    more = {} if row.rank is None else {"rank": row.rank, "out_of": row.out_of}
    return Cell(row.score_percent, f"{row.score_percent:.2f}{rank}", "published", row.source, more)
