"""The paper's tables (and Figure 6, which is Table 6): of its published numbers, of runs, or of both side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mslt_cli.reports.cells import Cell, Dot, DotChart, Draft, Head, Panel, ReportTable, percent
from mslt_cli.reports.criteria_choices import Choice, choice_notes
from mslt_cli.reports.grid import Group, Trained, compare_with_best
from mslt_cli.reports.material import Material
from mslt_cli.reports.score_cells import (
    choice_cell,
    count_cell,
    criterion_cell,
    end_cells,
    mean_cell,
    published_cell,
    score_cell,
)
from mslt_cli.reports.task_facts import guess_accuracy

DIVERSE = ("embedding", "l2v-syntax", "l2v-phonology", "l2v-inventory", "l2v-family", "l2v-geography")
"""The criteria of Table 6."""
METHODS = ("size", "vocab", *DIVERSE)
"""The criteria of Tables 1 and 2, in their order."""
CRITERION = Head("method", "criterion", right=False, label=True)
TIED = "≈ "
"""Marks what can't be told from the best combination."""
NEAR = 5.0
"""Points below the lowest score within which the line of a guess is drawn: further away it would flatten all else."""
MOST, LEAST = "least-similar", "most-similar"
"""The paper's words for the most and the least diverse combination."""


def table1(material: Material) -> ReportTable:
    """Criteria × tasks: the score of what each criterion chooses, and its rank among all trained combinations."""
    title = "Score of each criterion's choice, and its rank among all combinations"
    return _criteria_table(material, 1, title, material.request.include)


def table2(material: Material) -> ReportTable:
    """The same with a language in every combination; the paper prints ranks alone."""
    include = material.request.include or ("eng",)
    return _criteria_table(material, 2, f"The same, with {material.named(include)} in every combination", include)


def _criteria_table(material: Material, number: int, title: str, include: Sequence[str]) -> ReportTable:
    draft = Draft(f"table{number}", title, CRITERION)
    rows = {method: {CRITERION.key: criterion_cell(method)} for method in ("min", *METHODS, "random", "max")}
    printed = material.printed(number)
    tasks = list(dict.fromkeys(row.task for row in printed))
    draft.heads += [material.printed_head(draft, number, task) for task in tasks]
    draft.heads += [Head(grid.name.key, grid.label) for grid in material.grids]
    for row in printed:
        rows[row.method][f"{row.task}.published"] = published_cell(row)
    draft.notes += material.paper_notes(tasks) if number == 1 else []
    for group in material.groups(draft, include):
        grid = group.grid
        choices = material.choices(grid, include)
        for method, cell in (end_cells(group) | _choice_cells(group, choices)).items():
            rows[method][grid.name.key] = cell
        draft.notes += material.grid_notes(grid, include=include)
        draft.notes += choice_notes(choices, METHODS)
        draft.notes.append(f"{grid.label}: ≈ can't be told from the best one (`mslt report best` has the tests).")
    # A line that nobody has a number for is left out.
    return draft.finish([cells for cells in rows.values() if len(cells) > 1])


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
    draft = Draft("table3", "", Head("rank", label=True))
    top = material.request.top
    printed = material.printed(3)
    columns: dict[str, list[Cell]] = {}
    for task in dict.fromkeys(row.task for row in printed):
        best = sorted((row for row in printed if row.task == task), key=lambda row: row.rank or 0)[:top]
        head = material.printed_head(draft, 3, task, right=False)
        draft.heads.append(head)
        columns[head.key] = [Cell(x, x, "published", row.source) for row in best for x in [",".join(row.languages)]]
    for group in material.groups(draft):
        name = group.grid.name
        draft.heads.append(Head(name.key, name.label, right=False))
        columns[name.key] = [_best_cell(group, trained) for trained in group.ranked[:top]]
        draft.notes += material.grid_notes(group.grid)
    n = max(map(len, columns.values()), default=0)
    rows = [
        {"rank": count_cell(i + 1), **{key: cells[i] for key, cells in columns.items() if i < len(cells)}}
        for i in range(n)
    ]
    draft.title = f"The best {n} combinations"
    return draft.finish(rows), _count_languages(draft.heads[1:], columns, n)


def _best_cell(group: Group, trained: Trained) -> Cell:
    cell = score_cell(group, trained)
    named, more = cell.more["languages"], {"score": cell.value, "rank": cell.more["rank"]}
    return replace(cell, value=named, text=f"{named}  {percent(trained.mean)}", more=more)


def _count_languages(heads: Sequence[Head], columns: Mapping[str, Sequence[Cell]], top: int) -> ReportTable:
    """How often each language is in the best combinations: of the paper's tasks together, and of each column."""
    title = f"How often each language is in the best {top} combinations"
    draft = Draft("languages", title, Head("language", right=False, label=True))
    counts = {key: Counter(x for cell in cells for x in cell.value.split(",")) for key, cells in columns.items()}
    if of_paper := [count for key, count in counts.items() if key.endswith(".published")]:
        draft.heads.append(Head("paper", "paper, all tasks"))
        counts = {"paper": sum(of_paper, Counter()), **counts}
    draft.heads += [Head(head.key, head.text) for head in heads]
    first = ["paper"] if of_paper else list(counts)
    languages = {language for count in counts.values() for language in count}
    ordered = sorted(languages, key=lambda language: (*(-counts[key][language] for key in first), language))
    source = "times in the best combinations above"
    return draft.finish(
        {"language": Cell(x, x), **{key: count_cell(count[x], source) for key, count in counts.items()}}
        for x in ordered
    )


def table4(material: Material) -> ReportTable:
    """Mean score by the number of distinct writing systems in a combination."""
    title = "Mean score by the number of distinct writing systems; ± is the spread over combinations"
    draft = Draft("table4", title, Head("scripts", "writing systems", label=True))
    printed = material.printed(4)
    draft.heads += [material.printed_head(draft, 4, task) for task in dict.fromkeys(row.task for row in printed)]
    draft.heads += [Head(grid.name.key, grid.label) for grid in material.grids]
    rows: dict[int, dict[str, Cell]] = {}
    for row in printed:
        case = int(row.selection[-1])
        rows.setdefault(case, {})[f"{row.task}.published"] = published_cell(row)
    for group in material.groups(draft):
        every = {language for trained in group.trained for language in trained.languages}
        if unknown := sorted(language for language in every if not material.script.get(language)):
            named = material.named(unknown)
            draft.notes.append(f"The script of {named} is not known: combinations with it are left out.")
        for scripts, some in _split_by_scripts(group, material.script).items():
            cell = mean_cell(some, f"{scripts} distinct scripts")
            rows.setdefault(scripts, {})[group.grid.name.key] = cell
        draft.notes += material.grid_notes(group.grid)
    source = "distinct ISO 15924 scripts (data/langs)"
    ordered = [{"scripts": count_cell(scripts, source), **rows[scripts]} for scripts in sorted(rows)]
    return draft.finish(ordered)


def _split_by_scripts(group: Group, script: Mapping[str, str | None]) -> dict[int, Group]:
    """The combinations by their number of distinct scripts, without those whose scripts are not all known."""
    by_count: dict[int, list[Trained]] = {}
    for trained in group.trained:
        scripts = {script.get(language) for language in trained.languages}
        if all(scripts):
            by_count.setdefault(len(scripts), []).append(trained)
    return {count: Group(group.grid, tuple(some)) for count, some in by_count.items()}


def table6(material: Material) -> ReportTable:
    """The least against the most diverse combination, by criterion."""
    draft = Draft("table6", "The most diverse combination against the least diverse one", CRITERION)
    columns = _diversity_columns(material, draft)
    rows = _diversity_rows(columns)
    for column in columns:
        key = column.head.key
        least = replace(column.head, key=f"{key}.{LEAST}", text=f"{column.head.text}: least")
        draft.heads += [least, Head(f"{key}.{MOST}", "most diverse")]
        for method, row in rows.items():
            row |= {f"{key}.{end}": cell for end, cell in column.ends.get(method, {}).items()}
    return draft.finish(rows.values())


def fig6(material: Material) -> ReportTable:
    """Table 6 as a figure: what diversity gains under each criterion."""
    draft = Draft("fig6", "Points that the most diverse combination gains over the least diverse one", CRITERION)
    columns = _diversity_columns(material, draft)
    rows = _diversity_rows(columns)
    draft.heads += [column.head for column in columns]
    panels = []
    for column in columns:
        lines = []
        for method, row in reversed(rows.items()):
            ends = {end: cell for end, cell in column.ends.get(method, {}).items() if isinstance(cell.value, float)}
            named = (("least diverse", ends.get(LEAST)), ("most diverse", ends.get(MOST)))
            lines.append((row[CRITERION.key].text, tuple(Dot(name, end.value) for name, end in named if end)))
            if len(ends) == 2:
                row[column.head.key] = _gain_cell(ends[LEAST], ends[MOST])
        values = [dot.value for _, dots in lines for dot in dots]
        guess = guess_accuracy(column.task)
        near = guess is not None and values and 100 * guess > min(values) - NEAR
        marks = (("a guess", 100 * guess),) if near and guess else ()
        panels.append(Panel(column.head.text, tuple(lines), marks=marks))
    chart = DotChart("score, %", tuple(panels), joined=True) if panels else None
    return draft.finish(rows.values(), chart=chart)


def _gain_cell(least: Cell, most: Cell) -> Cell:
    gain = float(most.value) - float(least.value)
    source = f"{most.source or 'the most diverse'} less {least.source or 'the least diverse'}"
    more = {"least_diverse": least.value, "most_diverse": most.value}
    return Cell(round(gain, 10), f"{gain:+.2f}", "computed", source, more)


@dataclass(frozen=True)
class _DiversityColumn:
    """A task of the paper, or a grid, in Table 6."""

    task: str
    head: Head
    ends: dict[str, dict[str, Cell]] = field(default_factory=dict)
    """By method, the cells of MOST and LEAST."""


def _diversity_columns(material: Material, draft: Draft) -> list[_DiversityColumn]:
    printed = material.printed(6)
    columns = {}
    for row in printed:
        if row.task not in columns:
            head = replace(material.printed_head(draft, 6, row.task), key=row.task)
            columns[row.task] = _DiversityColumn(row.task, head)
        columns[row.task].ends.setdefault(row.method, {})[row.selection] = published_cell(row)
    draft.notes += material.paper_notes(columns)
    for group in material.groups(draft):
        grid = group.grid
        column = _DiversityColumn(grid.about.task, Head(grid.name.key, grid.label))
        choices = material.choices(grid, material.request.include)
        by_name = {choice.criterion: choice for choice in choices if not choice.problem}
        shown = [by_name[method] for method in DIVERSE if method in by_name]
        averages = {}
        for end in (LEAST, MOST):
            cells = {x.criterion: choice_cell(group, x, x.most if end == MOST else x.least) for x in shown}
            for method, cell in cells.items():
                column.ends.setdefault(method, {})[end] = cell
            if values := [cell.value for cell in cells.values() if cell.value is not None]:
                mean = float(np.mean(values))
                source = f"mean of the {len(values)} criteria above"
                averages[end] = Cell(mean, f"{mean:.2f}", "computed", source)
        column.ends["average"] = averages
        columns[grid.name.key] = column
        draft.notes += [*material.grid_notes(grid), *choice_notes(choices, DIVERSE)]
    return list(columns.values())


def _diversity_rows(columns: Sequence[_DiversityColumn]) -> dict[str, dict[str, Cell]]:
    """A line for each method that somebody has a number for."""
    methods = [method for method in (*DIVERSE, "average") if any(column.ends.get(method) for column in columns)]
    return {method: {CRITERION.key: criterion_cell(method)} for method in methods}
