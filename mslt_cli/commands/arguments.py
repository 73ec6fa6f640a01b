"""What several commands take from the user by name: a task, languages, the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mslt_cli.evaluation.reading import Reading
    from mslt_cli.progress import Progress
    from mslt_cli.runs.answering import Evaluation
    from mslt_cli.store.db import Store
    from mslt_cli.tasks.task import Task


def task_of(name: str, no_repair: list[str] | None) -> Task:
    """The task that the user names, without the repairs that are switched off."""
    from mslt_cli.languages.pools import split_names
    from mslt_cli.tasks import find_task

    task = find_task(name)
    names = tuple(name for text in no_repair or () for name in split_names(text))
    return task.without_repairs(names) if names else task


def filled_store(path: Path | None, *, write: bool = False) -> Store:
    """The store, with the languages that spellings are looked up in."""
    from mslt_cli.store.db import open_store, store_path
    from mslt_cli.store.fill import ensure_filled

    path = store_path(path)
    ensure_filled(path)
    return open_store(path, write=write)


def languages_of(store: Store, task: Task, langs: list[str] | None) -> tuple[str, ...]:
    """ISO 639-3 codes of the languages that the user named; none if there are no names.

    Raises:
        UnknownNameError: a spelling means no language.
        DataError: the task lacks a language; says which it has.
    """
    from mslt_cli.languages.pools import split_names
    from mslt_cli.runs.combinations import language_of

    chosen: list[str] = []
    for name in (name for text in langs or () for name in split_names(text)):
        chosen += task.languages if name == "all" else [language_of(store, task, name)]
    return tuple(dict.fromkeys(chosen))


def choice_evaluations(
    store: Store,
    tasks: Sequence[str],
    langs: list[str] | None,
    reading: Reading | None,
    *,
    no_repair: list[str] | None = None,
    split: str | None = None,
    progress: Progress,
) -> list[Evaluation]:
    """What decoders are asked: tasks by comma, in the languages that the user named, or in those of the paper.

    Of several tasks each is asked in those of the languages that it has.

    Raises:
        UnknownNameError: a task, a split or a language does not exist.
        DataError: a language is in none of the tasks.
        UsageError: a task is not of multiple choice.
    """
    from mslt_cli.errors import DataError, MsltError, UnknownNameError, UsageError
    from mslt_cli.evaluation.reading import Reading
    from mslt_cli.languages.pools import split_names
    from mslt_cli.runs.answering import Evaluation
    from mslt_cli.runs.plan import default_targets

    named = [task_of(name, None) for text in tasks for name in split_names(text)]
    chosen: dict[str, Task] = {task.name: task for task in named}
    if no_repair:
        names = {name for text in no_repair for name in split_names(text)}
        for task in chosen.values():
            own = names & {repair.name for repair in task.repairs}
            chosen[task.name] = task.without_repairs(tuple(own))
            names -= own
        if names and chosen:
            next(iter(chosen.values())).without_repairs(tuple(names))  # for its error
    aims: dict[str, tuple[str, ...]] = {task.name: () for task in chosen.values()}
    for lang in (lang for text in langs or () for lang in split_names(text)):
        errors: list[MsltError] = []
        for task in chosen.values():
            try:
                aims[task.name] += languages_of(store, task, [lang])
            except (DataError, UnknownNameError) as error:
                errors.append(error)
        if len(errors) == len(chosen):
            raise errors[0]
    found = []
    for task in chosen.values():
        if task.kind != "multiple-choice":
            raise UsageError(f"{task.name} is a task of {task.kind}; decoders are asked tasks of multiple choice.")
        name = split or task.evaluation
        task.require_split(name)
        if langs and not aims[task.name]:
            raise DataError(f"{task.name} has no data in {', '.join(langs)}. Leave it or them out.")
        targets = tuple(dict.fromkeys(aims[task.name])) or default_targets(task, name, progress)
        if not targets:
            raise UsageError(f"{task.name} has no targets of its own. Name them with --targets.")
        found.append(Evaluation(task, name, targets, (reading or Reading()).check()))
    return found
