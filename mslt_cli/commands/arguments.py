"""What several commands take from the user by name: tasks, languages, numbers, the store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mslt_cli.evaluation.reading import Reading
    from mslt_cli.progress import Progress
    from mslt_cli.runs.answering import Evaluation
    from mslt_cli.store.db import Store
    from mslt_cli.tasks.task import Task


def names_of(texts: Sequence[str] | None) -> list[str]:
    """The names in an option that may be repeated, each text a list by comma."""
    from mslt_cli.languages.pools import split_names

    return [name for text in texts or () for name in split_names(text)]


def numbers_in(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers out of "0,1,2" or "1..5".

    Raises:
        UsageError: it is neither.
    """
    from mslt_cli.errors import UsageError

    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*\.\.\s*(\d+))?\s*", part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise UsageError(f"{option} is {text!r}; write a number, several by comma, or a range: 0..4.")
        numbers += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(dict.fromkeys(numbers))


def task_of(name: str, no_repair: Sequence[str] | None) -> Task:
    """The task that the user names, without the repairs that are switched off."""
    from mslt_cli.tasks import find_task

    repairs = tuple(names_of(no_repair))
    return find_task(name).without_repairs(repairs) if repairs else find_task(name)


def tasks_of(names: Sequence[str] | None, no_repair: Sequence[str] | None) -> list[Task]:
    """The tasks that the user names by comma, each once; a repair is switched off in those tasks that have it.

    Raises:
        UnknownNameError: there is no such task, or no task has such a repair.
    """
    from mslt_cli.tasks import find_task

    tasks = {task.name: task for task in map(find_task, names_of(names))}
    off = dict.fromkeys(names_of(no_repair))
    had = {repair.name for task in tasks.values() for repair in task.repairs}
    unknown = tuple(name for name in off if name not in had)
    return [
        task.without_repairs((*(r.name for r in task.repairs if r.name in off), *unknown)) if off else task
        for task in tasks.values()
    ]


def filled_store(path: Path | None, *, write: bool = False) -> Store:
    """The store, with the languages that spellings are looked up in."""
    from mslt_cli.store.db import open_store, store_path
    from mslt_cli.store.fill import ensure_filled

    path = store_path(path)
    ensure_filled(path)
    return open_store(path, write=write)


def languages_of(store: Store, task: Task, langs: Sequence[str] | None) -> tuple[str, ...]:
    """ISO 639-3 codes of the languages that the user named; none if there are no names.

    Raises:
        UnknownNameError: a spelling means no language.
        DataError: the task lacks a language; says which it has.
    """
    from mslt_cli.store.languages import resolver

    chosen: list[str] = []
    for name in names_of(langs):
        chosen += task.languages if name == "all" else [task.language(name, resolver(store))]
    return tuple(dict.fromkeys(chosen))


def choice_evaluations(
    tasks: Sequence[Task],
    targets: Sequence[str],
    reading: Reading,
    *,
    split: str | None = None,
    progress: Progress,
) -> list[Evaluation]:
    """What decoders are asked: tasks in the languages that the user named, or in those of the paper.

    Of several tasks each is asked in those of the languages that it has.

    Raises:
        UnknownNameError: a split or a language does not exist.
        DataError: a language is in none of the tasks.
        UsageError: a task is not of multiple choice.
    """
    from mslt_cli.errors import DataError, UnknownNameError, UsageError
    from mslt_cli.runs.answering import Evaluation
    from mslt_cli.runs.plan import default_targets, resolve_targets, targets_of

    by_task: dict[str, list[str]] = {task.name: [] for task in tasks}
    for name in targets:
        errors = []
        for task in tasks:
            try:
                by_task[task.name] += resolve_targets(task, [name])
            except (DataError, UnknownNameError) as error:
                errors.append(error)
        if errors and len(errors) == len(tasks):
            raise errors[0]
    evaluations = []
    for task in tasks:
        if task.kind != "multiple-choice":
            raise UsageError(f"{task.name} is a task of {task.kind}; decoders are asked tasks of multiple choice.")
        name = split or task.evaluation
        task.require_split(name)
        if targets and not by_task[task.name]:
            raise DataError(f"{task.name} has no data in {', '.join(targets)}. Leave it or them out.")
        chosen = tuple(dict.fromkeys(by_task[task.name])) or default_targets(task, name, progress)
        evaluations.append(Evaluation(task, name, targets_of(task, chosen, ()), reading.check()))
    return evaluations
