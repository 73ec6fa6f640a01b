"""The paper's tables (and Figure 6, which is Table 6): of its published numbers, of runs, or of both side by side."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mslt_cli.reports.cells import Cell, Dot, DotChart, Head, Panel, ReportTable, mark_guess, percent
from mslt_cli.reports.criteria_choices import Choice, choice_notes
from mslt_cli.reports.grid import Group, Trained, compare_with_best, name_languages
from mslt_cli.reports.material import Material
from mslt_cli.reports.score_cells import (
    choice_cell,
    count_cell,
    criterion_cell,
    end_cells,
    mark_printed,
    mean_cell,
    published_cell,
    score_cell,
)
from mslt_cli.reports.task_facts import guess_accuracy
from mslt_cli.store.results import Published

DIVERSE = ("embedding", "l2v-syntax", "l2v-phonology", "l2v-inventory", "l2v-family", "l2v-geography")
"""The criteria of Table 6."""
METHODS = ("size", "vocab", *DIVERSE)
"""The criteria of Tables 1 and 2, in their order."""
CRITERION = Head("method", "criterion", right=False, label=True)
TIED = "≈ "
"""Marks what can't be told from the best combination."""
ENDS = {"most-similar": "least diverse", "least-similar": "most diverse"}
"""The ends of Table 6: the paper's words for them, and ours."""
Rows = dict[Any, dict[str, Cell]]
"""Cells by row and by the key of their column."""


def table1(material: Material) -> ReportTable:
    """Criteria × tasks: the score of what each criterion chooses, and its rank among all trained combinations."""
    title = "Score of each criterion's choice, and its rank among all combinations"
    return _criteria_table(material, 1, title, material.request.include)


def table2(material: Material) -> ReportTable:
    """The same with a language in every combination; the paper prints ranks alone."""
    include = material.request.include or ("eng",)
    title = f"The same, with {name_languages(include, material.code)} in every combination"
    return _criteria_table(material, 2, title, include)


def _criteria_table(material: Material, number: int, title: str, include: Sequence[str]) -> ReportTable:
    table = ReportTable(f"table{number}", title, [CRITERION])
    rows: Rows = {method: {CRITERION.key: criterion_cell(method)} for method in ("min", *METHODS, "random", "max")}
    printed = _add_columns(material, table, number, rows, lambda row: row.method)
    table.notes += material.paper_notes(printed) if number == 1 else []
    for group in material.groups(table, include):
        grid, choices = group.grid, material.choices(group.grid, include)
        for method, cell in (end_cells(group) | _choice_cells(group, choices)).items():
            rows[method][grid.name.key] = cell
        table.notes += [
            *material.grid_notes(grid, include=include),
            *choice_notes(choices, METHODS),
            f"{grid.label}: ≈ can't be told from the best one (`mslt report best` has the tests).",
        ]
    table.rows += [cells for cells in rows.values() if len(cells) > 1]  # not lines that nobody has a number for
    return table


def _add_columns(
    material: Material, table: ReportTable, number: int, rows: Rows, row_of: Callable[[Published], Any]
) -> list[str]:
    """Add a column for each task that the paper prints, with its cells, and one for each grid; returns the tasks."""
    printed = material.printed(number)
    tasks = list(dict.fromkeys(row.task for row in printed))
    table.heads += [printed_head(table, number, task) for task in tasks]
    table.heads += [Head(grid.name.key, grid.label) for grid in material.grids]
    for row in printed:
        rows.setdefault(row_of(row), {})[f"{row.task}.published"] = published_cell(row)
    return tasks


def printed_head(table: ReportTable, number: int, task: str) -> Head:
    """The column of a task in a table of the paper, with its footnotes."""
    return Head(f"{task}.published", f"{task} (paper)", marks=mark_printed(table, number, task))


def _choice_cells(group: Group, choices: Sequence[Choice]) -> dict[str, Cell]:
    """What the choice of each criterion scores, and a mark where it can't be told from the best combination."""
    tied = {one.trained.languages for one in compare_with_best(group, intervals=False) if one.tied}
    cells = {}
    for choice in choices:
        if choice.criterion not in METHODS or choice.problem:
            continue
        cell = choice_cell(group, choice, choice.most)
        if "rank" in cell.more:
            is_tied = choice.most[0] in tied
            text = (TIED if is_tied and cell.more["rank"] > 1 else "") + cell.text
            cell = replace(cell, text=text, more={**cell.more, "tied_for_best": is_tied})
        cells[choice.criterion] = cell
    return cells


def table3(material: Material) -> tuple[ReportTable, ReportTable]:
    """The best combinations of each task; and how often each language is in them."""
    table = ReportTable("table3", "", [Head("rank", label=True)])
    top, printed = material.request.top, material.printed(3)
    columns: dict[str, list[Cell]] = {}
    for task in dict.fromkeys(row.task for row in printed):
        table.heads.append(replace(printed_head(table, 3, task), right=False))
        for row in sorted((row for row in printed if row.task == task), key=lambda row: row.rank or 0)[:top]:
            languages = ",".join(row.languages)
            columns.setdefault(f"{task}.published", []).append(Cell(languages, languages, "published", row.source))
    for group in material.groups(table):
        name = group.grid.name
        table.heads.append(Head(name.key, name.label, right=False))
        for trained in group.ranked[:top]:
            cell = score_cell(group, trained)
            languages, more = cell.more["languages"], {"score": cell.value, "rank": cell.more["rank"]}
            cell = replace(cell, value=languages, text=f"{languages}  {percent(trained.mean)}", more=more)
            columns.setdefault(name.key, []).append(cell)
        table.notes += material.grid_notes(group.grid)
    n = max(map(len, columns.values()), default=0)
    table.title = f"The best {n} combinations"
    table.rows += [
        {"rank": count_cell(i + 1), **{key: cells[i] for key, cells in columns.items() if i < len(cells)}}
        for i in range(n)
    ]
    return table, _count_languages(table.heads[1:], columns, n)


def _count_languages(heads: Sequence[Head], columns: Mapping[str, Sequence[Cell]], top: int) -> ReportTable:
    """How often each language is in the best combinations: of the paper's tasks together, and of each column."""
    title = f"How often each language is in the best {top} combinations"
    table = ReportTable("languages", title, [Head("language", right=False, label=True)])
    counts = {key: Counter(x for cell in cells for x in cell.value.split(",")) for key, cells in columns.items()}
    of_paper = sum((count for key, count in counts.items() if key.endswith(".published")), Counter[str]())
    if of_paper:
        table.heads.append(Head("paper", "paper, all tasks"))
        counts = {"paper": of_paper, **counts}
    table.heads += [Head(head.key, head.text) for head in heads]
    languages = {language for count in counts.values() for language in count}
    first = ["paper"] if of_paper else list(counts)
    ordered = sorted(languages, key=lambda language: (*(-counts[key][language] for key in first), language))
    source = "times in the best combinations above"
    table.rows += [
        {"language": Cell(x, x), **{key: count_cell(count[x], source) for key, count in counts.items()}}
        for x in ordered
    ]
    return table


def table4(material: Material) -> ReportTable:
    """Mean score by the number of distinct writing systems in a combination."""
    title = "Mean score by the number of distinct writing systems; ± is the spread over combinations"
    table = ReportTable("table4", title, [Head("scripts", "writing systems", label=True)])
    rows: Rows = {}
    _add_columns(material, table, 4, rows, lambda row: int(row.selection[-1]))
    for group in material.groups(table):
        grid = group.grid
        unknown: set[str] = set()
        by_scripts: dict[int, list[Trained]] = {}
        for trained in group.trained:
            script = {language: material.script.get(language) for language in trained.languages}
            if all(script.values()):
                by_scripts.setdefault(len(set(script.values())), []).append(trained)
            unknown.update(language for language in script if not script[language])
        if unknown:
            named = grid.named(unknown)
            table.notes.append(f"The script of {named} is not known: combinations with it are left out.")
        for scripts, combinations in by_scripts.items():
            cell = mean_cell(Group(grid, tuple(combinations)), f"{scripts} distinct scripts")
            rows.setdefault(scripts, {})[grid.name.key] = cell
        table.notes += material.grid_notes(grid)
    source = "distinct ISO 15924 scripts (data/langs)"
    table.rows += [{"scripts": count_cell(scripts, source), **rows[scripts]} for scripts in sorted(rows)]
    return table


def table6(material: Material) -> ReportTable:
    """The least against the most diverse combination, by criterion."""
    table = ReportTable("table6", "The most diverse combination against the least diverse one", [CRITERION])
    columns, rows = _compare_ends(material, table)
    least, most = ENDS
    for head in columns:
        table.heads.append(replace(head, key=f"{head.key}.{least}", text=f"{head.text}: least"))
        table.heads.append(Head(f"{head.key}.{most}", ENDS[most]))
    table.rows += rows.values()
    return table


def fig6(material: Material) -> ReportTable:
    """Table 6 as a figure: what diversity gains under each criterion."""
    table = ReportTable(
        "fig6", "Points that the most diverse combination gains over the least diverse one", [CRITERION]
    )
    columns, rows = _compare_ends(material, table)
    panels = []
    for head, guess in columns.items():
        lines = []
        for row in reversed(rows.values()):
            cells = {name: row[f"{head.key}.{end}"] for end, name in ENDS.items() if f"{head.key}.{end}" in row}
            scored = {name: cell for name, cell in cells.items() if isinstance(cell.value, float)}
            lines.append((row[CRITERION.key].text, [Dot(name, cell.value) for name, cell in scored.items()]))
            if len(scored) == len(ENDS):
                row[head.key] = _gain_cell(*scored.values())
        values = [dot.value for _, dots in lines for dot in dots]
        panels.append(Panel(head.text, lines, marks=mark_guess(guess, values)))
    table.heads += columns
    table.rows += rows.values()
    table.chart = DotChart("score, %", panels, joined=True) if panels else None
    return table


def _gain_cell(least: Cell, most: Cell) -> Cell:
    gain = float(most.value) - float(least.value)
    source = f"{most.source or 'the most diverse'} less {least.source or 'the least diverse'}"
    more = {"least_diverse": least.value, "most_diverse": most.value}
    return Cell(round(gain, 10), f"{gain:+.2f}", "computed", source, more)


def _compare_ends(material: Material, table: ReportTable) -> tuple[dict[Head, float | None], Rows]:
    """The columns of Table 6, with what a guess scores there (0..1); and its rows, a cell for each end of a column."""
    rows: Rows = {method: {CRITERION.key: criterion_cell(method)} for method in (*DIVERSE, "average")}
    printed = material.printed(6)
    tasks = list(dict.fromkeys(row.task for row in printed))
    columns = {replace(printed_head(table, 6, task), key=task): guess_accuracy(task) for task in tasks}
    for row in printed:
        rows[row.method][f"{row.task}.{row.selection}"] = published_cell(row)
    table.notes += material.paper_notes(tasks)
    for group in material.groups(table):
        grid, choices = group.grid, material.choices(group.grid, material.request.include)
        columns[Head(grid.name.key, grid.label)] = guess_accuracy(grid.about.task)
        by_name = {choice.criterion: choice for choice in choices if not choice.problem}
        for end, name in ENDS.items():
            key, values = f"{grid.name.key}.{end}", []
            for choice in (by_name[method] for method in DIVERSE if method in by_name):
                cell = choice_cell(group, choice, choice.most if name == "most diverse" else choice.least)
                rows[choice.criterion][key] = cell
                values += [] if cell.value is None else [cell.value]
            if values:
                mean = float(np.mean(values))
                source = f"mean of the {len(values)} criteria above"
                rows["average"][key] = Cell(mean, f"{mean:.2f}", "computed", source)
        table.notes += [*material.grid_notes(grid), *choice_notes(choices, DIVERSE)]
    return columns, {method: row for method, row in rows.items() if len(row) > 1}
