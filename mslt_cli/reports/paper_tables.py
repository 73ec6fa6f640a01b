"""The paper's tables (and Figure 6, which is Table 6): of its published numbers, of runs, or of both side by side."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mslt_cli.reports.cells import Cell, Column, ReportTable, count_cell, percent
from mslt_cli.reports.charts import Dot, DotChart, Panel
from mslt_cli.reports.criteria_choices import Choice, choice_cell, choice_notes, criterion_cell
from mslt_cli.reports.grid import Group
from mslt_cli.reports.material import Material, printed_column, published_cell
from mslt_cli.reports.score_models import signal_note
from mslt_cli.reports.task_facts import ChanceLevel, guess_accuracy
from mslt_cli.results.evaluations import known_task
from mslt_cli.results.trained import Combination, Trained, name_languages
from mslt_cli.store.results import Published

DIVERSE = ("embedding", "l2v-syntax", "l2v-phonology", "l2v-inventory", "l2v-family", "l2v-geography")
"""The criteria of Table 6."""
METHODS = ("size", "vocab", *DIVERSE)
"""The criteria of Tables 1 and 2, in their order."""
CRITERION = Column("method", header="criterion", label=True)
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
    rows = _criterion_rows("min", *METHODS, "random", "max")
    printed = _add_printed(material, table, number, rows, lambda row: row.method)
    table.columns += [grid.column for grid in material.grids]
    table.notes += material.paper_notes(printed) if number == 1 else []
    for group in material.groups(table, include):
        grid, choices = group.grid, material.choices(group.grid, include)
        for method, cell in (group.end_cells() | _choice_cells(group, choices)).items():
            rows[method][grid.key] = cell
        table.notes += [
            *material.grid_notes(grid, include=include),
            *choice_notes(choices, METHODS),
            f"{grid.label}: ≈ can't be told from the best one (`mslt report best` has the tests).",
            *([signal_note(group)] if group.design.knows_noise else []),
        ]
    table.rows += [cells for cells in rows.values() if len(cells) > 1]  # not lines that nobody has a number for
    return table


def _criterion_rows(*methods: str) -> Rows:
    return {method: {CRITERION.name: criterion_cell(method)} for method in methods}


def _add_printed(
    material: Material, table: ReportTable, number: int, rows: Rows, row_of: Callable[[Published], Any]
) -> list[str]:
    """Add a column for each task that the paper prints, with its cells; returns the tasks."""
    printed = material.printed(number)
    tasks = list(dict.fromkeys(row.task for row in printed))
    table.columns += [printed_column(table, number, task) for task in tasks]
    for row in printed:
        rows.setdefault(row_of(row), {})[f"{row.task}.published"] = published_cell(row)
    return tasks


def _choice_cells(group: Group, choices: Sequence[Choice]) -> dict[str, Cell]:
    """What the choice of each criterion scores, and a mark where it can't be told from the best combination."""
    tied = {one.trained.languages for one in group.contenders if one.tied}
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
    table = ReportTable("table3", "", [Column("rank", right=True, label=True)])
    rows: Rows = {}
    _add_printed(material, table, 3, rows, lambda row: row.rank)
    for group in material.groups(table):
        table.columns.append(group.grid.column)
        for i, trained in enumerate(group.ranked[: material.request.top], start=1):
            cell = group.score_cell(trained)
            languages, more = cell.more["languages"], {"score": cell.value, "rank": cell.more["rank"]}
            cell = replace(cell, value=languages, text=f"{languages}  {percent(trained.mean)}", more=more)
            rows.setdefault(i, {})[group.grid.key] = cell
        table.notes += material.grid_notes(group.grid)
    table.columns[1:] = [replace(column, right=False) for column in table.columns[1:]]
    table.rows += [{"rank": count_cell(rank), **rows[rank]} for rank in sorted(rows)[: material.request.top]]
    table.title = f"The best {len(table.rows)} combinations"
    return table, _count_languages(table)


def _count_languages(best: ReportTable) -> ReportTable:
    """How often each language is in the best combinations: of the paper's tasks together, and of each column."""
    title = f"How often each language is in the best {len(best.rows)} combinations"
    table = ReportTable("table3_languages", title, [Column("language", label=True)])
    counts: dict[str, Counter[str]] = {}
    for column in best.columns[1:]:
        combinations = [row[column.name].value for row in best.rows if column.name in row]
        counts[column.name] = Counter(x for languages in combinations for x in languages.split(","))
    of_paper = sum((count for key, count in counts.items() if key.endswith(".published")), Counter[str]())
    if of_paper:
        table.columns.append(Column("paper", right=True, header="paper, all tasks"))
        counts = {"paper": of_paper, **counts}
    table.columns += [replace(column, right=True, marks=()) for column in best.columns[1:]]
    first = ["paper"] if of_paper else list(counts)
    languages = sorted(set().union(*counts.values()), key=lambda x: (*(-counts[key][x] for key in first), x))
    source = "times in the best combinations above"
    table.rows += [
        {"language": Cell(x, x), **{key: count_cell(count[x], source) for key, count in counts.items()}}
        for x in languages
    ]
    return table


def table4(material: Material) -> ReportTable:
    """Mean score by the number of distinct writing systems in a combination."""
    title = "Mean score by the number of distinct writing systems; ± is the spread over combinations"
    table = ReportTable("table4", title, [Column("scripts", right=True, header="writing systems", label=True)])
    rows: Rows = {}
    _add_printed(material, table, 4, rows, lambda row: int(row.selection[-1]))
    table.columns += [grid.column for grid in material.grids]
    for group in material.groups(table):
        grid = group.grid
        unknown: set[str] = set()
        by_scripts: dict[int, dict[Combination, Trained]] = {}
        for languages, trained in group.trained.items():
            unknown_here = {language for language in languages if not material.script.get(language)}
            unknown |= unknown_here
            if not unknown_here:
                scripts = {material.script[language] for language in languages}
                by_scripts.setdefault(len(scripts), {})[languages] = trained
        if unknown:
            named = grid.named(unknown)
            table.notes.append(f"The script of {named} is not known: combinations with it are left out.")
        for n, combinations in by_scripts.items():
            rows.setdefault(n, {})[grid.key] = Group(grid, combinations).mean_cell(f"{n} distinct scripts")
        table.notes += material.grid_notes(grid)
    source = "distinct ISO 15924 scripts (data/langs)"
    table.rows += [{"scripts": count_cell(n, source), **rows[n]} for n in sorted(rows)]
    return table


def table6(material: Material) -> ReportTable:
    """The least against the most diverse combination, by criterion."""
    table = ReportTable("table6", "The most diverse combination against the least diverse one", [CRITERION])
    columns, rows = _compare_ends(material, table)
    table.rows += rows
    least, most = ENDS
    for column in columns:
        table.columns.append(replace(column, name=f"{column.name}.{least}", header=f"{column.header}: least"))
        table.columns.append(Column(f"{column.name}.{most}", right=True, header=ENDS[most]))
    return table


def fig6(material: Material) -> ReportTable:
    """Table 6 as a figure: what diversity gains under each criterion."""
    title = "Points that the most diverse combination gains over the least diverse one"
    table = ReportTable("fig6", title, [CRITERION])
    columns, rows = _compare_ends(material, table)
    panels = []
    for column, chance in columns.items():
        lines = []
        for row in reversed(rows):
            cells = {name: row.get(f"{column.name}.{end}", Cell()) for end, name in ENDS.items()}
            scored = {name: cell for name, cell in cells.items() if isinstance(cell.value, float)}
            lines.append((row[CRITERION.name].text, [Dot(name, cell.value) for name, cell in scored.items()]))
            if len(scored) == len(ENDS):
                least, most = scored.values()
                gain = most.value - least.value
                source = f"{most.source or 'the most diverse'} less {least.source or 'the least diverse'}"
                more = {"least_diverse": least.value, "most_diverse": most.value}
                row[column.name] = Cell(round(gain, 10), f"{gain:+.2f}", "computed", source, more)
        values = [dot.value for _, dots in lines for dot in dots]
        panels.append(Panel(column.header, lines, marks=chance.marks(values)))
    table.columns += columns
    table.rows += rows
    table.chart = DotChart("score, %", panels, joined=True) if panels else None
    return table


def _compare_ends(material: Material, table: ReportTable) -> tuple[dict[Column, ChanceLevel], list[dict[str, Cell]]]:
    """The columns of Table 6, with what chance scores there; and its rows, a cell for each end of a column."""
    rows = _criterion_rows(*DIVERSE, "average")
    printed = material.printed(6)
    tasks = list(dict.fromkeys(row.task for row in printed))
    chance = {task: ChanceLevel(guess_accuracy(known_task(task)), None) for task in tasks}
    columns = {replace(printed_column(table, 6, task), name=task): chance[task] for task in tasks}
    for row in printed:
        rows[row.method][f"{row.task}.{row.selection}"] = published_cell(row)
    table.notes += material.paper_notes(tasks)
    for group in material.groups(table):
        grid, choices = group.grid, material.choices(group.grid, material.request.include)
        columns[grid.column] = grid.chance
        by_name = {choice.criterion: choice for choice in choices if not choice.problem}
        for end, name in ENDS.items():
            cells = {}
            for choice in (by_name[method] for method in DIVERSE if method in by_name):
                chosen = choice.most if name == "most diverse" else choice.least
                cells[choice.criterion] = choice_cell(group, choice, chosen)
            if values := [cell.value for cell in cells.values() if cell.value is not None]:
                mean, source = float(np.mean(values)), f"mean of the {len(values)} criteria above"
                cells["average"] = Cell(mean, f"{mean:.2f}", "computed", source)
            for method, cell in cells.items():
                rows[method][f"{grid.key}.{end}"] = cell
        table.notes += [*material.grid_notes(grid), *choice_notes(choices, DIVERSE)]
    return columns, [cells for cells in rows.values() if len(cells) > 1]
